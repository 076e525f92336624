#!/usr/bin/env python3
"""own_activation.py COMPILER INCLUDE: an activation that lacks something gets one sentence from the compiler, not a wall."""
import subprocess
import sys

import cli

INCLUDE = sys.argv.pop(1)
MEMBERS = {"f(": "six::real f(six::real x) const { return x; }",
           "vjp(": "six::real vjp(six::real, six::real dy) const { return dy; }",
           "name": 'static constexpr const char* name = "mine";',
           "summary": 'static constexpr const char* summary = "x";',
           "probes": "static constexpr six::Probe probes[] = {{1, 1, 1}};"}
USES = ("six::registry().add<{0}>();", "six::pointwise(x, {0}{{}});", "(void)six::gradcheck({0}{{}});")


def activation(name, missing=None, uses=USES):
    """A struct and a function that uses it; one line each, so that an error's line tells which."""
    members = " ".join(text for key, text in MEMBERS.items() if key != missing)
    return f"struct {name} {{ {members} }}; void use_{name}(six::Var x) {{ (void)x; {' '.join(uses).format(name)} }}\n"


class OwnActivation(cli.Case):
    def errors(self, *parts):
        result = subprocess.run([cli.PROGRAM, "-std=c++20", "-fsyntax-only", "-I", INCLUDE, "-x", "c++", "-"], text=True, capture_output=True,
                                input="#include <sixgrad.h>\n" + "".join(parts))
        return [line for line in result.stderr.splitlines() if "error:" in line], result.stderr

    def test_whole_it_compiles(self):
        self.assertEqual(self.errors(activation("Whole")), ([], ""))

    def test_what_is_missing_is_one_sentence_for_each_use(self):
        missing = ("vjp(", "name", "summary", "probes")
        errors, text = self.errors(*(activation(f"No{i}", m, USES[-1:]) for i, m in enumerate(missing)),
                                   *(activation(f"Use{i}", "probes", [use]) for i, use in enumerate(USES)))
        self.assertEqual(len(errors), len(missing) + len(USES), text)
        self.assertLess(text.count("\n"), 20 * len(errors), text)
        for error, member in zip(errors, (*missing, *["six::Probe probes[]"] * len(USES))):
            self.assertIn("a pointwise op needs", error)
            self.assertIn(member, error)


if __name__ == "__main__":
    cli.main()
