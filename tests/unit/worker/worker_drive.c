/* SPDX-License-Identifier: Apache-2.0
 *
 * Drives ctr-worker the way core/transfer does, for tests/integration/worker_fetch.sh: resolve,
 * fetch, parse, choose, fetch the rest at the same time. Prints one line a step. No test by itself.
 *
 * usage: worker_drive BINARY HOST PATH TAG [-u USER:SECRET] [-d HOSTS_DIR] [-x PROXY]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "worker/client/worker_client.h"

#define LAYERS_MAX 64
#define TEXT(s)    ((char *)(uintptr_t)(s))

struct drive {
	const char *binary, *host, *path, *tag;
	struct worker *fetch, *parse;
	struct wire_wait wait;
};

static _Noreturn void die(const char *what, const struct ctr_error *err)
{
	printf("failed %s: %s\n", what, err ? error_text(err) : "");
	exit(1);
}

static struct worker *start(struct drive *d, enum worker_role role,
			    const Ctr__Worker__V1__Setup *setup)
{
	struct worker_options o = {
		.binary = d->binary, .role = role, .setup = setup, .wait = d->wait
	};
	AUTO_ERROR err = ERROR_INIT;
	struct worker *w = NULL;

	if (worker_start(&o, &w, &err) != CTR_OK)
		die("start", &err);
	return w;
}

static void send_fetch(struct drive *d, uint64_t id, Ctr__Worker__V1__Descriptor *desc, int fd)
{
	Ctr__Worker__V1__Fetch f;
	worker_request req;
	AUTO_ERROR err = ERROR_INIT;

	ctr__worker__v1__fetch__init(&f);
	ctr__worker__v1__request__init(&req);
	f.host = TEXT(d->host);
	f.path = TEXT(d->path);
	f.descriptor = desc;
	req.id = id;
	req.op_case = CTR__WORKER__V1__REQUEST__OP_FETCH;
	req.fetch = &f;
	if (worker_send(d->fetch, &req, &fd, 1, &d->wait, &err) != CTR_OK)
		die("send", &err);
}

/* The final replies of n fetches. */
static void await(struct drive *d, size_t n)
{
	AUTO_ERROR err = ERROR_INIT;

	while (n > 0) {
		AUTO_WORKER_REPLY rep = { .msg = NULL };

		if (worker_recv(d->fetch, &d->wait, &rep, &err) != CTR_OK)
			die("fetch", &err);
		if (rep.msg->result_case == CTR__WORKER__V1__REPLY__RESULT_PROGRESS)
			continue;
		if (rep.msg->result_case == CTR__WORKER__V1__REPLY__RESULT_FAILED) {
			worker_failed(rep.msg->failed, &err);
			die("fetch", &err);
		}
		printf("fetched %s %llu\n", rep.msg->fetched->digest,
		       (unsigned long long)rep.msg->fetched->size);
		n--;
	}
}

static int new_file(void)
{
	int fd = memfd_create("ingest", MFD_CLOEXEC);

	if (fd < 0)
		die("memfd", NULL);
	return fd;
}

static void parse(struct drive *d, Ctr__Worker__V1__DocumentKind kind, const char *media_type,
		  int fd, struct worker_reply *ret)
{
	Ctr__Worker__V1__Parse p;
	worker_request req;
	AUTO_ERROR err = ERROR_INIT;

	ctr__worker__v1__parse__init(&p);
	ctr__worker__v1__request__init(&req);
	p.kind = kind;
	p.media_type = TEXT(media_type);
	req.id = 1;
	req.op_case = CTR__WORKER__V1__REQUEST__OP_PARSE;
	req.parse = &p;
	if (worker_call(d->parse, &req, &fd, 1, &d->wait, NULL, NULL, ret, &err) != CTR_OK)
		die("parse", &err);
}

/* Fetch and parse a manifest; an index leads to what it chooses. */
static void manifest(struct drive *d, Ctr__Worker__V1__Descriptor *desc, struct worker_reply *ret)
{
	AUTO_CLOSE int fd = new_file();

	send_fetch(d, 10, desc, fd);
	await(d, 1);
	parse(d, CTR__WORKER__V1__DOCUMENT_KIND__DOCUMENT_AUTO, desc->media_type, fd, ret);
	if (ret->msg->result_case != CTR__WORKER__V1__REPLY__RESULT_INDEX)
		return;
	AUTO_WORKER_REPLY index = *ret;
	if (index.msg->index->chosen < 0)
		die("index: nothing for this platform", NULL);
	printf("index %zu chosen %d\n", index.msg->index->n_manifests, index.msg->index->chosen);
	*ret = (struct worker_reply){ .msg = NULL };
	manifest(d, index.msg->index->manifests[index.msg->index->chosen], ret);
}

static void pull(struct drive *d, Ctr__Worker__V1__Descriptor *desc)
{
	AUTO_WORKER_REPLY man = { .msg = NULL }, conf = { .msg = NULL };
	int fds[LAYERS_MAX + 1];

	manifest(d, desc, &man);
	const Ctr__Worker__V1__ParsedManifest *m = man.msg->manifest;
	if (m->n_layers > LAYERS_MAX)
		die("too many layers", NULL);
	for (size_t i = 0; i <= m->n_layers; i++) {
		fds[i] = new_file();
		send_fetch(d, 100 + i, i < m->n_layers ? m->layers[i] : m->config, fds[i]);
	}
	await(d, m->n_layers + 1);
	parse(d, CTR__WORKER__V1__DOCUMENT_KIND__DOCUMENT_CONFIG, m->config->media_type,
	      fds[m->n_layers], &conf);
	printf("config %s/%s layers %zu diffs %zu cmd %s\n", conf.msg->config->os,
	       conf.msg->config->architecture, m->n_layers, conf.msg->config->n_diff_ids,
	       conf.msg->config->n_cmd ? conf.msg->config->cmd[0] : "-");
	for (size_t i = 0; i <= m->n_layers; i++)
		fd_close(&fds[i]);
}

static void resolve(struct drive *d, struct worker_reply *ret)
{
	Ctr__Worker__V1__Resolve r;
	worker_request req;
	AUTO_ERROR err = ERROR_INIT;

	ctr__worker__v1__resolve__init(&r);
	ctr__worker__v1__request__init(&req);
	r.host = TEXT(d->host);
	r.path = TEXT(d->path);
	r.tag = TEXT(d->tag);
	req.id = 2;
	req.op_case = CTR__WORKER__V1__REQUEST__OP_RESOLVE;
	req.resolve = &r;
	if (worker_call(d->fetch, &req, NULL, 0, &d->wait, NULL, NULL, ret, &err) != CTR_OK)
		die("resolve", &err);
	printf("resolved %s %s\n", ret->msg->resolved->descriptor->digest,
	       ret->msg->resolved->descriptor->media_type);
}

int main(int argc, char **argv)
{
	Ctr__Worker__V1__Setup setup;
	Ctr__Worker__V1__FetchSetup fetch;
	Ctr__Worker__V1__Credential cred, *creds[] = { &cred };
	struct drive d = { .wait = { .deadline_ns = clock_now_ns() + 60 * NS_PER_SEC,
				     .cancel_fd = -1 } };
	AUTO_WORKER_REPLY rep = { .msg = NULL };

	if (argc < 5)
		return 2;
	ctr__worker__v1__setup__init(&setup);
	ctr__worker__v1__fetch_setup__init(&fetch);
	ctr__worker__v1__credential__init(&cred);
	setup.fetch = &fetch;
	d.binary = argv[1];
	d.host = argv[2];
	d.path = argv[3];
	d.tag = argv[4];
	for (int i = 5; i + 1 < argc; i += 2) {
		char *colon = strchr(argv[i + 1], ':');

		if (strcmp(argv[i], "-u") == 0 && colon) {
			*colon = '\0';
			cred.host = TEXT(d.host);
			cred.username = argv[i + 1];
			cred.secret = colon + 1;
			fetch.credentials = creds;
			fetch.n_credentials = 1;
		} else if (strcmp(argv[i], "-d") == 0) {
			fetch.hosts_dirs = &argv[i + 1];
			fetch.n_hosts_dirs = 1;
		} else if (strcmp(argv[i], "-x") == 0) {
			fetch.http_proxy = argv[i + 1];
		}
	}
	d.fetch = start(&d, ROLE_FETCH, &setup);
	d.parse = start(&d, ROLE_PARSE, NULL);
	resolve(&d, &rep);
	pull(&d, rep.msg->resolved->descriptor);
	worker_stop(d.fetch);
	worker_stop(d.parse);
	return 0;
}
