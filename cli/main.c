/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>

int main(void)
{
	fprintf(stderr, "recvguard: no verb yet\n");
	return 2;
}
