/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_DECODE_DISSECT_SYSLOG_H
#define RG_DECODE_DISSECT_SYSLOG_H

#include "base/text.h"

/* "warning"; "daemon", a number beyond those named. */
void rg_text_severity(struct rg_text *t, unsigned severity);
void rg_text_facility(struct rg_text *t, unsigned facility);

#endif
