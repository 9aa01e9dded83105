/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_BASE_LIBBPF_H
#define RG_BASE_LIBBPF_H

/* What libbpf prints, kept: the library never prints. One listener at a time, as libbpf itself has it. */

/* From here on libbpf's words are kept, and those of before forgotten. RECVGUARD_BPF_LOG=FILE: all of them,
 * the verifier's log too, go to that file (for bug reports). */
void rg_libbpf_listen(void);
/* As it was before. */
void rg_libbpf_unlisten(void);
void rg_libbpf_forget(void);
/* The first line of the first warning, "" without any; valid until the next listen or forget. */
const char *rg_libbpf_said(void);

#endif
