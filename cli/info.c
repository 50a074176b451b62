/* SPDX-License-Identifier: Apache-2.0
 *
 * version and info.
 */
#include <string.h>

#include "base/str.h"
#include "cli/facts.h"
#include "cli/pbutil.h"
#include "cli/verbs.h"
#include "oci/host.h"
#include "oci/json.h"

ctr_code verb_version(struct cli *c, struct ctr_error *err)
{
	pb_empty req = EMPTY_INIT;
	AUTO_PB Containerd__Services__Version__V1__VersionResponse *resp = NULL;
	const char *format = arg_text(&c->args, "format");
	AUTO_BUF out = BUF_INIT(65536);
	AUTO_JSON o = json_object();
	AUTO_ERROR why = ERROR_INIT;
	ctr_code code = cli_call(c, VERSION_SERVICE, "Version", &req, &resp, &why);

	(void)json_put_str(o, "ClientVersion", CTR_VERSION);
	(void)json_put_str(o, "ServerVersion", resp ? resp->version : "");
	(void)json_put_str(o, "ServerRevision", resp ? resp->revision : "");
	if (arg_on(&c->args, "json"))
		code = code == CTR_OK ? out_json(o, err) : ctr_move_error(err, &why);
	else if (format) {
		ctr_code other = out_template(format, o, &out, err);

		buf_putc(&out, '\n');
		return other == CTR_OK ? out_flush(&out, err) : other;
	} else {
		buf_printf(&out, "client: ctrctl %s\n", CTR_VERSION);
		if (code == CTR_OK)
			buf_printf(&out, "server: %s%s%s\n", resp->version,
				   resp->revision[0] ? " revision " : "", resp->revision);
		ctr_code other = out_flush(&out, err);

		return code == CTR_OK ? other : ctr_move_error(err, &why);
	}
	return code;
}

static json_t *server_json(const INTROSPECTION(ServerResponse) *s)
{
	json_t *o = json_object();

	(void)json_put_str(o, "ID", s->uuid);
	(void)json_put_int(o, "Pid", (int64_t)s->pid);
	return o;
}

static size_t failed_plugins(const INTROSPECTION(PluginsResponse) *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_plugins; i++)
		n += p->plugins[i]->init_err != NULL;
	return n;
}

static json_t *host_json(void)
{
	struct oci_host h;
	json_t *o = json_object();

	oci_host_probe(&h);
	(void)json_put(o, "Kernel", json_sprintf("%u.%u", h.kernel_major, h.kernel_minor));
	(void)json_put_int(o, "CgroupVersion", h.cgroup2 ? 2 : 1);
	(void)json_put_bool(o, "Seccomp", h.seccomp);
	(void)json_put_bool(o, "AppArmor", h.apparmor);
	return o;
}

static ctr_code collect(struct cli *c, json_t *o, struct ctr_error *err)
{
	pb_empty empty = EMPTY_INIT;
	INTROSPECTION(PluginsRequest) plugins = INTROSPECTION_INIT(PLUGINS_REQUEST);
	AUTO_PB INTROSPECTION(ServerResponse) *server = NULL;
	AUTO_PB INTROSPECTION(PluginsResponse) *list = NULL;
	AUTO_PB Containerd__Services__Version__V1__VersionResponse *version = NULL;
	AUTO_FACTS facts = { 0 };
	ctr_code code = cli_call(c, VERSION_SERVICE, "Version", &empty, &version, err);

	if (code == CTR_OK)
		code = cli_call(c, INTROSPECTION_SERVICE, "Server", &empty, &server, err);
	if (code == CTR_OK)
		code = cli_call(c, INTROSPECTION_SERVICE, "Plugins", &plugins, &list, err);
	if (code == CTR_OK)
		code = facts_ask(c, NULL, 1, &facts, err);
	if (code == CTR_OK)
		code = facts_take(&facts, err);
	if (code != CTR_OK)
		return code;
	(void)json_put_str(o, "Address", c->address);
	(void)json_put_str(o, "Namespace", c->ns);
	(void)json_put_str(o, "ServerVersion", version->version);
	(void)json_put(o, "Server", server_json(server));
	(void)json_put_int(o, "Plugins", (int64_t)list->n_plugins);
	(void)json_put_int(o, "PluginsFailed", (int64_t)failed_plugins(list));
	(void)json_put_str(o, "Snapshotter", facts.snapshotter);
	(void)json_put_str(o, "LogDriver", facts.ctrlog ? "ctrlog" : "file");
	(void)json_put_str(o, "StateDir", cli_state_dir(c));
	(void)json_put_str(o, "LogDir", cli_log_root(c));
	(void)json_put(o, "Host", host_json());
	return CTR_OK;
}

static void lines(struct buf *out, const json_t *o, const char *indent)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)o, key, value)
	{
		buf_printf(out, "%s%s: ", indent, key);
		if (json_is_object(value)) {
			buf_putc(out, '\n');
			lines(out, value, "  ");
		} else if (json_is_string(value)) {
			out_clean(out, json_string_value(value));
			buf_putc(out, '\n');
		} else if (json_is_boolean(value)) {
			buf_puts(out, json_is_true(value) ? "yes\n" : "no\n");
		} else {
			buf_printf(out, "%lld\n", (long long)json_integer_value(value));
		}
	}
}

ctr_code verb_info(struct cli *c, struct ctr_error *err)
{
	const char *format = arg_text(&c->args, "format");
	AUTO_JSON o = json_object();
	AUTO_BUF out = BUF_INIT(65536);
	ctr_code code = collect(c, o, err);

	if (code != CTR_OK)
		return code;
	if (arg_on(&c->args, "json"))
		return out_json(o, err);
	if (format) {
		code = out_template(format, o, &out, err);
		buf_putc(&out, '\n');
	} else {
		lines(&out, o, "");
	}
	return code == CTR_OK ? out_flush(&out, err) : code;
}
