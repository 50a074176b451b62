/* SPDX-License-Identifier: Apache-2.0
 *
 * The media types of documents, OCI's and Docker's. Pure.
 */
#ifndef CTR_WORKER_PARSE_MEDIA_TYPE_H
#define CTR_WORKER_PARSE_MEDIA_TYPE_H

#include "status/status.h"
#include "worker/wire.h"

#define MT_OCI_MANIFEST    "application/vnd.oci.image.manifest.v1+json"
#define MT_OCI_INDEX       "application/vnd.oci.image.index.v1+json"
#define MT_OCI_CONFIG      "application/vnd.oci.image.config.v1+json"
#define MT_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define MT_DOCKER_LIST     "application/vnd.docker.distribution.manifest.list.v2+json"
#define MT_DOCKER_CONFIG   "application/vnd.docker.container.image.v1+json"

enum document { DOC_NONE, DOC_MANIFEST, DOC_INDEX, DOC_CONFIG, DOC_SCHEMA1 };

enum document media_type_document(const char *media_type); /* DOC_NONE when it is none of these */
/* The refusal of a document of this type, by name. Always an error. */
ctr_code media_type_refuse(const char *media_type, struct ctr_error *err);

#endif
