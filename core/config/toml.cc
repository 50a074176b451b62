/* SPDX-License-Identifier: Apache-2.0
 *
 * The only file that knows toml++: it turns a text into struct node. No exception leaves it; the
 * parser itself is used in its mode without exceptions, and what the library may still throw (out
 * of memory) becomes -ENOMEM.
 */
#define TOML_EXCEPTIONS 0
#include "base/toml.hh"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

#include "core/config/node.h"

namespace
{

struct refusal {
	std::string text;
};

std::string where(const char *file, const toml::source_region &at)
{
	return std::string(file) + ":" + std::to_string(at.begin.line) + ": ";
}

class builder
{
      public:
	builder(const char *file, int max_depth) : file_(file), max_depth_(max_depth)
	{
	}

	/* Add the children of a table; the caller has made its node. */
	void fill_table(const toml::table &from, struct node *to, int depth)
	{
		for (auto &&[key, value] : from)
			add(value, to, std::string(key.str()).c_str(), depth);
	}

      private:
	const char *file_;
	int max_depth_;

	void add(const toml::node &value, struct node *parent, const char *key, int depth)
	{
		if (depth > max_depth_)
			throw refusal{ where(file_, value.source()) + "nested deeper than " +
				       std::to_string(max_depth_) + " levels" };

		struct node *n = node_new(type_of(value), parent, key, file_,
					  static_cast<int32_t>(value.source().begin.line));
		if (!n)
			throw std::bad_alloc();
		fill(value, n, depth);
	}

	enum node_type type_of(const toml::node &value) const
	{
		if (value.is_string())
			return NODE_STR;
		if (value.is_integer())
			return NODE_INT;
		if (value.is_floating_point())
			return NODE_FLOAT;
		if (value.is_boolean())
			return NODE_BOOL;
		if (value.is_array())
			return NODE_ARRAY;
		if (value.is_table())
			return NODE_TABLE;
		throw refusal{ where(file_, value.source()) + "dates and times are not used here" };
	}

	void fill(const toml::node &value, struct node *n, int depth)
	{
		if (auto *s = value.as_string()) {
			int r = node_set_str(n, s->get().data(), s->get().size());

			if (r == -EINVAL)
				throw refusal{ where(file_, value.source()) +
					       "string holds a NUL" };
			if (r < 0)
				throw std::bad_alloc();
		} else if (auto *i = value.as_integer()) {
			n->num = i->get();
		} else if (auto *f = value.as_floating_point()) {
			n->real = f->get();
		} else if (auto *b = value.as_boolean()) {
			n->num = b->get();
		} else if (auto *a = value.as_array()) {
			for (auto &&element : *a)
				add(element, n, nullptr, depth + 1);
		} else if (auto *t = value.as_table()) {
			fill_table(*t, n, depth + 1);
		}
	}
};

int parse(const char *text, size_t n, const char *file, int max_depth, struct node *top)
{
	toml::parse_result result = toml::parse(std::string_view(text, n));

	if (!result)
		throw refusal{ where(file, result.error().source()) +
			       std::string(result.error().description()) };

	builder(file, max_depth).fill_table(result.table(), top, 1);
	return 0;
}

} // namespace

extern "C" int toml_parse_tree(const char *text, size_t n, const char *file, int max_depth,
			       struct node **ret, char **ret_why)
{
	struct node *top = node_new(NODE_TABLE, nullptr, nullptr, file, 1);

	if (!top)
		return -ENOMEM;
	try {
		parse(text, n, file, max_depth, top);
		*ret = top;
		return 0;
	} catch (const refusal &why) {
		node_free(top);
		*ret_why = strdup(why.text.c_str());
		return *ret_why ? -EINVAL : -ENOMEM;
	} catch (...) {
		node_free(top);
		return -ENOMEM;
	}
}
