/* SPDX-License-Identifier: Apache-2.0
 *
 * struct hash is EVP_MD_CTX under another name.
 */
#include "worker/codec/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/str.h"

static EVP_MD_CTX *ctx(struct hash *h)
{
	return (EVP_MD_CTX *)h;
}

ctr_code hash_new(struct hash **ret, struct ctr_error *err)
{
	EVP_MD_CTX *md;

	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL);
	md = EVP_MD_CTX_new();
	if (!md || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1) {
		EVP_MD_CTX_free(md);
		return ctr_fail(err, CTR_INTERNAL, "start sha256");
	}
	*ret = (struct hash *)md;
	return CTR_OK;
}

void hash_free(struct hash *h)
{
	EVP_MD_CTX_free(ctx(h));
}

ctr_code hash_add(struct hash *h, const void *data, size_t n, struct ctr_error *err)
{
	if (n && EVP_DigestUpdate(ctx(h), data, n) != 1)
		return ctr_fail(err, CTR_INTERNAL, "update sha256");
	return CTR_OK;
}

ctr_code hash_end(struct hash *h, char ret[CODEC_DIGEST_ROOM], struct ctr_error *err)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned int n = 0;

	if (EVP_DigestFinal_ex(ctx(h), sum, &n) != 1 || n != 32)
		return ctr_fail(err, CTR_INTERNAL, "finish sha256");

	memcpy(ret, "sha256:", 7);
	hex_encode(sum, n, ret + 7);
	return CTR_OK;
}
