/* SPDX-License-Identifier: Apache-2.0
 *
 * Any generated message as JSON, by its descriptor: what --json, inspect and events print. One
 * direction only.
 */
#ifndef CTR_CLI_PBJSON_H
#define CTR_CLI_PBJSON_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

/*
 * snake_case members as they are; maps as objects; timestamps as RFC 3339; 64-bit numbers as
 * numbers; bytes as base64; Any by its type when known here (JSON values of containerd's specs as
 * they are), else {"type_url", "value"}. Unset members are left out. New reference, NULL when out
 * of memory or nested deeper than 32.
 */
json_t *pb_to_json(const ProtobufCMessage *m);

#endif
