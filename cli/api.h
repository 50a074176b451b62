/* SPDX-License-Identifier: Apache-2.0
 *
 * Short names for what protoc-c generates: SNAPSHOTS(Info) is the struct, SNAPSHOTS_INIT(INFO) its
 * initialiser, SNAPSHOTS_SERVICE the service.
 */
#ifndef CTR_CLI_API_H
#define CTR_CLI_API_H

#include "containerd/services/containers/v1/containers.pb-c.h"
#include "containerd/services/content/v1/content.pb-c.h"
#include "containerd/services/diff/v1/diff.pb-c.h"
#include "containerd/services/events/v1/events.pb-c.h"
#include "containerd/services/images/v1/images.pb-c.h"
#include "containerd/services/introspection/v1/introspection.pb-c.h"
#include "containerd/services/leases/v1/leases.pb-c.h"
#include "containerd/services/namespaces/v1/namespace.pb-c.h"
#include "containerd/services/snapshots/v1/snapshots.pb-c.h"
#include "containerd/services/streaming/v1/streaming.pb-c.h"
#include "containerd/services/tasks/v1/tasks.pb-c.h"
#include "containerd/services/transfer/v1/transfer.pb-c.h"
#include "containerd/services/version/v1/version.pb-c.h"
#include "containerd/types/transfer/imagestore.pb-c.h"
#include "containerd/types/transfer/importexport.pb-c.h"
#include "containerd/types/transfer/progress.pb-c.h"
#include "containerd/types/transfer/registry.pb-c.h"
#include "containerd/types/transfer/streaming.pb-c.h"
#include "google/protobuf/any.pb-c.h"
#include "google/protobuf/empty.pb-c.h"
#include "google/protobuf/field_mask.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"

#define CONTAINERS(x)         Containerd__Services__Containers__V1__##x
#define CONTAINERS_INIT(x)    CONTAINERD__SERVICES__CONTAINERS__V1__##x##__INIT
#define CONTAINERS_SERVICE    (&containerd__services__containers__v1__containers__descriptor)
#define CONTENT(x)            Containerd__Services__Content__V1__##x
#define CONTENT_INIT(x)       CONTAINERD__SERVICES__CONTENT__V1__##x##__INIT
#define CONTENT_SERVICE       (&containerd__services__content__v1__content__descriptor)
#define DIFF(x)               Containerd__Services__Diff__V1__##x
#define DIFF_INIT(x)          CONTAINERD__SERVICES__DIFF__V1__##x##__INIT
#define DIFF_SERVICE          (&containerd__services__diff__v1__diff__descriptor)
#define EVENTS(x)             Containerd__Services__Events__V1__##x
#define EVENTS_INIT(x)        CONTAINERD__SERVICES__EVENTS__V1__##x##__INIT
#define EVENTS_SERVICE        (&containerd__services__events__v1__events__descriptor)
#define IMAGES(x)             Containerd__Services__Images__V1__##x
#define IMAGES_INIT(x)        CONTAINERD__SERVICES__IMAGES__V1__##x##__INIT
#define IMAGES_SERVICE        (&containerd__services__images__v1__images__descriptor)
#define INTROSPECTION(x)      Containerd__Services__Introspection__V1__##x
#define INTROSPECTION_INIT(x) CONTAINERD__SERVICES__INTROSPECTION__V1__##x##__INIT
#define INTROSPECTION_SERVICE (&containerd__services__introspection__v1__introspection__descriptor)
#define LEASES(x)             Containerd__Services__Leases__V1__##x
#define LEASES_INIT(x)        CONTAINERD__SERVICES__LEASES__V1__##x##__INIT
#define LEASES_SERVICE        (&containerd__services__leases__v1__leases__descriptor)
#define NAMESPACES(x)         Containerd__Services__Namespaces__V1__##x
#define NAMESPACES_INIT(x)    CONTAINERD__SERVICES__NAMESPACES__V1__##x##__INIT
#define NAMESPACES_SERVICE    (&containerd__services__namespaces__v1__namespaces__descriptor)
#define SNAPSHOTS(x)          Containerd__Services__Snapshots__V1__##x
#define SNAPSHOTS_INIT(x)     CONTAINERD__SERVICES__SNAPSHOTS__V1__##x##__INIT
#define SNAPSHOTS_SERVICE     (&containerd__services__snapshots__v1__snapshots__descriptor)
#define STREAMING_SERVICE     (&containerd__services__streaming__v1__streaming__descriptor)
#define TASKS(x)              Containerd__Services__Tasks__V1__##x
#define TASKS_INIT(x)         CONTAINERD__SERVICES__TASKS__V1__##x##__INIT
#define TASKS_SERVICE         (&containerd__services__tasks__v1__tasks__descriptor)
#define TRANSFER(x)           Containerd__Services__Transfer__V1__##x
#define TRANSFER_INIT(x)      CONTAINERD__SERVICES__TRANSFER__V1__##x##__INIT
#define TRANSFER_SERVICE      (&containerd__services__transfer__v1__transfer__descriptor)
#define VERSION_SERVICE       (&containerd__services__version__v1__version__descriptor)
#define XFER(x)               Containerd__Types__Transfer__##x
#define XFER_INIT(x)          CONTAINERD__TYPES__TRANSFER__##x##__INIT
#define TYPES(x)              Containerd__Types__##x
#define TYPES_INIT(x)         CONTAINERD__TYPES__##x##__INIT
#define EMPTY_INIT            GOOGLE__PROTOBUF__EMPTY__INIT
typedef Google__Protobuf__Empty pb_empty;

#endif
