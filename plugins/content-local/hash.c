/* SPDX-License-Identifier: Apache-2.0
 *
 * Running digests by libcrypto. A copy of the context is finished, so that "the digest so far" costs one block and
 * the stream goes on.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "base/str.h"
#include "local.h"

int hash_init(struct hash *h, const char *digest_or_algorithm)
{
	size_t n = strcspn(digest_or_algorithm, ":");
	const EVP_MD *md;

	if (n == 0)
		snprintf(h->algorithm, sizeof(h->algorithm), "sha256");
	else if (n < sizeof(h->algorithm))
		snprintf(h->algorithm, sizeof(h->algorithm), "%.*s", (int)n, digest_or_algorithm);
	else
		return -EINVAL;

	md = EVP_get_digestbyname(h->algorithm);
	if (!md)
		return -EINVAL;

	h->ctx = EVP_MD_CTX_new();
	if (!h->ctx || EVP_DigestInit_ex(h->ctx, md, NULL) != 1) {
		hash_done(h);
		return -ENOMEM;
	}
	return 0;
}

void hash_done(struct hash *h)
{
	EVP_MD_CTX_free(h->ctx);
	h->ctx = NULL;
}

int hash_add(struct hash *h, const void *data, size_t n)
{
	return EVP_DigestUpdate(h->ctx, data, n) == 1 ? 0 : -EIO;
}

int hash_text(const struct hash *h, char ret[CTR_DIGEST_ROOM])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	EVP_MD_CTX *copy = EVP_MD_CTX_new();
	int ok = copy && EVP_MD_CTX_copy_ex(copy, h->ctx) == 1 &&
		 EVP_DigestFinal_ex(copy, sum, &n) == 1;

	EVP_MD_CTX_free(copy);
	if (!ok)
		return -ENOMEM;

	int at = snprintf(ret, CTR_DIGEST_ROOM, "%s:", h->algorithm);
	hex_encode(sum, n, ret + at);
	return 0;
}

int hash_is_of(const struct hash *h, const char *digest)
{
	size_t n = strlen(h->algorithm);

	return strncmp(digest, h->algorithm, n) == 0 && digest[n] == ':';
}
