#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write down a minor that is about to be released: anchor.c, offsets_1_N.c and sdk/abi/1.N.abi from the headers.

release.py MINOR. For a released minor never again: those files are the promise that the gate holds the headers to.
"""
import os
import re
import subprocess
import sys
import tempfile
import textwrap

HERE = os.path.dirname(os.path.abspath(__file__))
INCLUDE = os.path.join(HERE, "../../sdk/include")
# error.h first: the others include it, and so its names come first in the files.
HEADERS = ["error.h", "types.h", "call.h", "config.h", "plugin.h", "snapshotter.h", "content.h", "differ.h", "store.h",
           "snapgraph.h", "spawn.h", "mount.h"]
NO_VALUE = ("CTR_SDK_MINOR", "CTR_EXTERN_C", "CTR_PRINTF", "CTR_HAS", "CTR_MODULE", "CTR_GRPC_CODE")


def members(body):
    """(name, type of a function pointer or None) of each member."""
    body = re.sub(r"#.*", "", body)
    body = re.sub(r"CTR_PRINTF\([0-9, ]+\)", "", body)
    for text in filter(None, (" ".join(t.split()) for t in body.split(";"))):
        fn = re.match(r"(.*?)\(\*(\w+)\)\((.*)\)$", text)
        if fn:
            yield fn.group(2), "%s(*)(%s)" % (fn.group(1), fn.group(3))
            continue
        for part in text.split(","):
            yield re.search(r"(\w+)(\[\w+\])?$", part.strip()).group(1), None


def read_headers():
    structs, names = [], []
    for header in HEADERS:
        text = open(os.path.join(INCLUDE, "ctr", header)).read()
        text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
        for m in re.finditer(r"^struct (\w+) \{\n(.*?)^\};", text, flags=re.S | re.M):
            structs.append((m.group(1), list(members(m.group(2)))))
        for m in re.finditer(r"^#define (CTR_[A-Z0-9_]+)[ \t]+(\S.*)$", text, flags=re.M):
            if not m.group(1).endswith("_H") and m.group(1) not in NO_VALUE:
                names.append((m.group(1), m.group(2).startswith('"')))
    return structs, names


def includes():
    return "".join("#include <ctr/%s>\n" % h for h in HEADERS)


def measure(minor, structs, names, work):
    """What the compiler says: {key: text}."""
    lines = ["#define CTR_SDK_MINOR %s\n#include <stdio.h>\n" % minor, includes(), "int main(void)\n{\n"]
    for s, mem in structs:
        lines.append('printf("S %s\\t%%zu\\n", sizeof(struct %s));\n' % (s, s))
        lines += ['printf("%s.%s\\t%%zu\\n", offsetof(struct %s, %s));\n' % (s, m, s, m) for m, _ in mem]
    for n, is_text in names:
        lines.append('printf("%s\\t%%%s\\n", %s);\n' % (n, "s" if is_text else "lld", n if is_text else "(long long)(%s)" % n))
    lines.append("}\n")
    source, program = os.path.join(work, "m.c"), os.path.join(work, "m")
    open(source, "w").write("".join(lines))
    subprocess.check_call(["cc", "-I", INCLUDE, source, "-o", program])
    return dict(line.split("\t") for line in subprocess.check_output([program]).decode().splitlines())


OFFSETS_HEAD = """/* SPDX-License-Identifier: Apache-2.0
 *
 * SDK 1.%s, member by member, for machines without abidiff: size, offset, and the type of each function. Also the
 * numbers and names that no debug information holds. Never edited: what is here has been promised to plugins.
 */
#define CTR_SDK_MINOR %s
%s
/* Pointers of 8 bytes, as on every machine that we build for. */
#define SIZE(s, n)    _Static_assert(sizeof(struct s) == (n), "size of struct " #s)
#define AT(s, m, n)   _Static_assert(offsetof(struct s, m) == (n), "place of " #s "." #m)
#define FN(s, m, ...) _Static_assert(_Generic(((struct s *)0)->m, __VA_ARGS__ : 1, default : 0), "type of " #s "." #m)
#define IS(c, n)      _Static_assert((c) == (n), "value of " #c)
#define TEXT(c, t)    _Static_assert(sizeof(c) == sizeof(t) && __builtin_strcmp(c, t) == 0, "text of " #c)

"""

ANCHOR_HEAD = """/* SPDX-License-Identifier: Apache-2.0
 *
 * One exported function a public struct, so that abidiff sees each of them: through a plugin's `const void *ops` it
 * would see none. Built with -DCTR_SDK_MINOR=N, it must equal sdk/abi/1.N.abi without any suppression.
 */
%s
#define ANCHOR(name)                                                                               \\
	__attribute__((visibility("default"))) const struct name *anchor_##name(void);             \\
	const struct name *anchor_##name(void)                                                     \\
	{                                                                                          \\
		return 0;                                                                          \\
	}

"""


def offsets(minor, structs, names, said):
    out = [OFFSETS_HEAD % (minor, minor, includes())]
    for s, mem in structs:
        out.append("SIZE(%s, %s);\n" % (s, said["S " + s]))
        for m, signature in mem:
            out.append("AT(%s, %s, %s);\n" % (s, m, said[s + "." + m]))
            if signature:
                line = "FN(%s, %s, %s);" % (s, m, signature)
                out.append("\n".join(textwrap.wrap(line, 110, subsequent_indent="   ", break_long_words=False)) + "\n")
        out.append("\n")
    for n, is_text in names:
        wide = not is_text and abs(int(said[n])) >= 2**31
        out.append('TEXT(%s, "%s");\n' % (n, said[n]) if is_text
                   else "IS(%s, %s);\n" % (n, "INT64_C(%s)" % said[n] if wide else said[n]))
    return "".join(out)


def main():
    minor = sys.argv[1]
    structs, names = read_headers()
    with tempfile.TemporaryDirectory() as work:
        said = measure(minor, structs, names, work)
    with open(os.path.join(HERE, "anchor.c"), "w") as f:
        f.write(ANCHOR_HEAD % includes() + "".join("ANCHOR(%s)\n" % s for s, _ in structs))
    with open(os.path.join(HERE, "offsets_1_%s.c" % minor), "w") as f:
        f.write(offsets(minor, structs, names, said))
    subprocess.check_call([os.path.join(HERE, "baseline.sh"), minor])


if __name__ == "__main__":
    main()
