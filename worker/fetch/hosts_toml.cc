/* SPDX-License-Identifier: Apache-2.0
 *
 * toml++ to struct hosts_file. The file is the administrator's, not foreign, but is checked all the
 * same: unknown types are errors with a line. Tables come out of toml++ sorted by name; the file's
 * order is that of their lines.
 */
#include "worker/fetch/hosts_toml.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/toml.hh"

namespace
{
/* A value that is not what it should be. */
struct wrong : std::runtime_error {
	wrong(const toml::node &n, const std::string &key, const char *what)
	    : std::runtime_error("line " + std::to_string(n.source().begin.line) + ": '" + key +
				 "' " + what)
	{
	}
};

char *copy(const std::string &s)
{
	char *p = strndup(s.data(), s.size());

	if (!p)
		throw std::bad_alloc();
	return p;
}

/* Ends with NULL; an empty list stays NULL. */
void copy_list(const std::vector<std::string> &from, char ***to)
{
	if (from.empty())
		return;
	*to = static_cast<char **>(calloc(from.size() + 1, sizeof(char *)));
	if (!*to)
		throw std::bad_alloc();
	for (size_t i = 0; i < from.size(); i++)
		(*to)[i] = copy(from[i]);
}

std::string text_of(const toml::node &n, const std::string &key)
{
	const auto *s = n.as_string();

	if (!s)
		throw wrong(n, key, "is no string");
	if (s->get().find('\0') != std::string::npos || s->get().find('\n') != std::string::npos ||
	    s->get().find('\r') != std::string::npos)
		throw wrong(n, key, "has a line break or NUL in it");
	return s->get();
}

/* "one" or ["one", "two"] */
std::vector<std::string> texts_of(const toml::node &n, const std::string &key)
{
	std::vector<std::string> all;

	if (const auto *list = n.as_array()) {
		for (const auto &item : *list)
			all.push_back(text_of(item, key));
		return all;
	}
	all.push_back(text_of(n, key));
	return all;
}

bool bool_of(const toml::node &n, const std::string &key)
{
	const auto *b = n.as_boolean();

	if (!b)
		throw wrong(n, key, "is neither true nor false");
	return b->get();
}

unsigned capabilities_of(const toml::node &n)
{
	unsigned all = 0;

	for (const auto &name : texts_of(n, "capabilities")) {
		if (name == "pull")
			all |= HOST_PULL;
		else if (name == "resolve")
			all |= HOST_RESOLVE;
		else if (name == "push")
			all |= HOST_PUSH;
		else
			throw wrong(n, "capabilities",
				    ("names the unknown capability '" + name + "'").c_str());
	}
	return all;
}

/* "file", ["file", ..] or [["cert", "key"], ..] */
void client_of(const toml::node &n, hosts_entry *e)
{
	std::vector<std::string> certs, keys;
	const auto *list = n.as_array();

	if (!list) {
		certs.push_back(text_of(n, "client"));
		keys.push_back("");
	}
	for (size_t i = 0; list && i < list->size(); i++) {
		const auto &item = *list->get(i);
		const auto *pair = item.as_array();
		if (pair && (pair->empty() || pair->size() > 2))
			throw wrong(item, "client", "holds a list that is no pair of files");
		certs.push_back(text_of(pair ? *pair->get(0) : item, "client"));
		keys.push_back(pair && pair->size() == 2 ? text_of(*pair->get(1), "client") : "");
	}
	copy_list(certs, &e->cert);
	copy_list(keys, &e->key);
}

void headers_of(const toml::node &n, hosts_entry *e)
{
	const auto *table = n.as_table();
	std::vector<std::string> all;

	if (!table)
		throw wrong(n, "header", "is no table");
	for (const auto &[name, value] : *table) {
		const std::string key(name.str());
		if (key.empty() || key.find_first_of(": \t\r\n") != std::string::npos)
			throw wrong(value, key, "is no name of a header");
		for (const auto &text : texts_of(value, key))
			all.push_back(key + ": " + text);
	}
	copy_list(all, &e->headers);
}

void entry_of(const toml::table &t, hosts_entry *e)
{
	e->capabilities = HOST_ALL;
	for (const auto &[name, value] : t) {
		const std::string key(name.str());
		if (key == "capabilities")
			e->capabilities = capabilities_of(value);
		else if (key == "skip_verify")
			e->skip_verify = bool_of(value, key);
		else if (key == "override_path")
			e->override_path = bool_of(value, key);
		else if (key == "ca")
			copy_list(texts_of(value, key), &e->ca);
		else if (key == "client")
			client_of(value, e);
		else if (key == "header")
			headers_of(value, e);
		else if (key == "server" || key == "host" || key == "dial_timeout")
			continue;
		else
			throw wrong(value, key, "is unknown");
	}
}

void hosts_of(const toml::table &hosts, hosts_file *f)
{
	std::vector<std::pair<std::string, const toml::node *>> order;

	for (const auto &[name, value] : hosts)
		order.emplace_back(std::string(name.str()), &value);
	if (order.size() > HOSTS_MAX)
		throw std::runtime_error("more than 64 [host] tables");
	/*
	 * A [host."x".header] may stand before [host."x"]: the table then begins where it is first
	 * named.
	 */
	std::stable_sort(order.begin(), order.end(), [](const auto &a, const auto &b) {
		return a.second->source().begin.line < b.second->source().begin.line;
	});
	f->host = static_cast<hosts_entry *>(calloc(order.size() + 1, sizeof(hosts_entry)));
	if (!f->host)
		throw std::bad_alloc();
	for (const auto &[name, node] : order) {
		const auto *table = node->as_table();
		if (!table)
			throw wrong(*node, name, "is no table");
		hosts_entry *e = &f->host[f->n_host++];
		e->url = copy(name);
		entry_of(*table, e);
	}
}

void file_of(const char *text, size_t n, hosts_file *f)
{
	const toml::table root = toml::parse(std::string_view(text, n));

	entry_of(root, &f->server);
	if (const auto *server = root.get("server"))
		f->server.url = copy(text_of(*server, "server"));
	if (const auto *hosts = root.get("host")) {
		if (!hosts->as_table())
			throw wrong(*hosts, "host", "is no table");
		hosts_of(*hosts->as_table(), f);
	}
}

void free_list(char **v)
{
	for (size_t i = 0; v && v[i]; i++)
		free(v[i]);
	free(v);
}

void entry_done(hosts_entry *e)
{
	free(e->url);
	free_list(e->ca);
	free_list(e->cert);
	free_list(e->key);
	free_list(e->headers);
}
} // namespace

void hosts_file_done(struct hosts_file *f)
{
	entry_done(&f->server);
	for (size_t i = 0; i < f->n_host; i++)
		entry_done(&f->host[i]);
	free(f->host);
	memset(f, 0, sizeof(*f));
}

int hosts_toml_parse(const char *text, size_t n, struct hosts_file *ret, char **ret_why)
{
	hosts_file f = {};
	int r = -EINVAL;

	*ret_why = nullptr;
	try {
		if (n > HOSTS_TOML_MAX)
			throw std::runtime_error("file is larger than 256 KiB");
		file_of(text, n, &f);
		*ret = f;
		return 0;
	} catch (const toml::parse_error &e) {
		const auto line = std::to_string(e.source().begin.line);
		*ret_why = strdup(("line " + line + ": " + std::string(e.description())).c_str());
	} catch (const std::bad_alloc &) {
		r = -ENOMEM;
	} catch (const std::exception &e) {
		*ret_why = strdup(e.what());
	}
	hosts_file_done(&f);
	return r;
}
