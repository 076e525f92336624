from fixture import TreeTest
import check_layering


class Layering(TreeTest):
    HEADERS = ("core/real.h", "core/error.h", "core/param.h", "core/parallel.h", "core/tape.h", "core/kernels/vec.h",
               "core/kernels/dispatch.h", "core/ops/conv.h", "core/ops/materialize.h", "data/idx.h", "layers/conv2d.h", "optim/sgd.h",
               "train/trainer.h", "deploy/int8.h", "sixgrad.h", "examples/mnist/options.h", "tests/harness.h")

    def problems(self, path, *lines):
        for header in self.HEADERS:
            self.write(header, "#pragma once\n")
        self.write(path, ("#pragma once\n" if path.endswith(".h") else "") + "\n".join(lines) + "\n")
        return check_layering.check(self.root)[0]

    def accepts(self, path, *includes):
        self.assertEqual(self.problems(path, *(f"#include {i}" for i in includes)), [])

    def rejects(self, path, include):
        found = self.problems(path, "// first", f"#include {include}")
        (self.root / path).unlink()
        self.assertEqual(len(found), 1, found)
        self.assertRegex(found[0], rf"^{path}:{3 if path.endswith('.h') else 2}: ")
        self.assertIn(include.strip('<>"').split("../")[-1], found[0])

    def test_every_room_may_look_down(self):
        self.accepts("core/shape.h", '"error.h"', '"kernels/vec.h"', "<vector>")
        self.accepts("core/kernels/conv.cpp", '"vec.h"', '"../real.h"', "<immintrin.h>", "<stdint.h>")
        self.accepts("core/ops/pool.cpp", '"../tape.h"', '"../kernels/vec.h"', '"conv.h"', "<Eigen/Core>")
        self.accepts("core/tape.cpp", '"tape.h"', '"ops/materialize.h"', '"kernels/dispatch.h"')
        self.accepts("core/kernels/dispatch.cpp", '"../error.h"', "<cstdlib>")
        self.accepts("core/parallel.h", "<omp.h>")
        self.accepts("data/png.cpp", '"../core/error.h"', "<png.h>", "<zlib.h>", "<nlohmann/json.hpp>", "<fcntl.h>")
        self.accepts("layers/model.h", '"../data/idx.h"', '"../core/ops/conv.h"', "<nlohmann/json.hpp>")
        self.accepts("optim/adam.cpp", '"../core/param.h"', '"sgd.h"')
        self.accepts("train/loop.cpp", '"../layers/conv2d.h"', '"../optim/sgd.h"', '"../data/idx.h"')
        self.accepts("deploy/emit.cpp", '"../train/trainer.h"')
        self.accepts("examples/mnist.cpp", "<sixgrad.h>", '"mnist/options.h"', "<CLI/CLI.hpp>", '"../train/trainer.h"')
        self.accepts("tests/core/a.cpp", '"../harness.h"', '"../../core/kernels/vec.h"', "<doctest/doctest.h>", "<Eigen/Dense>")
        self.accepts("sixgrad.h", '"core/tape.h"', '"train/trainer.h"')

    def test_no_room_may_look_up_or_aside(self):
        for path, include in (("core/shape.h", '"tape.h"'), ("core/shape.cpp", '"ops/conv.h"'), ("core/tape.h", '"ops/conv.h"'),
                              ("core/tape.cpp", '"ops/conv.h"'), ("core/ops/pool.h", '"../../data/idx.h"'),
                              ("core/kernels/conv.cpp", '"../error.h"'), ("core/kernels/conv.cpp", '"../tape.h"'),
                              ("core/kernels/conv.cpp", '"dispatch.h"'), ("data/png.h", '"../layers/conv2d.h"'),
                              ("data/png.h", '"../optim/sgd.h"'), ("optim/adam.h", '"../layers/conv2d.h"'),
                              ("optim/adam.h", '"../core/tape.h"'), ("optim/adam.h", '"../data/idx.h"'),
                              ("layers/model.h", '"../optim/sgd.h"'), ("layers/model.h", '"../train/trainer.h"'),
                              ("train/loop.h", '"../deploy/int8.h"'), ("deploy/emit.h", '"../examples/mnist/options.h"'),
                              ("layers/model.h", '"../tests/harness.h"'), ("layers/model.h", '"../sixgrad.h"'),
                              ("layers/model.h", "<sixgrad.h>")):
            with self.subTest(path=path, include=include):
                self.rejects(path, include)

    def test_third_parties_stay_where_they_belong(self):
        for path, include in (("core/shape.h", "<nlohmann/json.hpp>"), ("optim/adam.cpp", "<nlohmann/json.hpp>"),
                              ("core/ops/pool.cpp", "<nlohmann/json.hpp>"), ("layers/model.cpp", "<doctest/doctest.h>"),
                              ("core/shape.h", "<omp.h>"), ("core/tensor.h", "<Eigen/Core>"), ("core/kernels/conv.cpp", "<Eigen/Core>"),
                              ("layers/model.cpp", "<Eigen/Core>"), ("core/kernels/conv.cpp", "<vector>"), ("train/loop.cpp", "<CLI/CLI.hpp>"),
                              ("layers/model.cpp", "<zlib.h>"), ("layers/model.cpp", "<boost/any.hpp>"), ("core/shape.h", "<unistd.h>")):
            with self.subTest(path=path, include=include):
                self.rejects(path, include)

    def test_includes_resolve(self):
        self.rejects("layers/model.h", '"../core/nothing.h"')
        self.rejects("layers/model.h", '"core/tape.h"')

    def test_openmp_is_named_in_one_file(self):
        self.assertEqual(len(self.problems("layers/model.cpp", "#pragma omp parallel for")), 1)
        self.assertEqual(len(self.problems("layers/model.cpp", "int n = omp_get_num_threads();")), 1)
        self.assertEqual(self.problems("layers/model.cpp", "// #pragma omp parallel for"), [])

    def test_what_is_commented_out_does_not_count(self):
        self.assertEqual(self.problems("optim/adam.cpp", '// #include "../layers/conv2d.h"', "/*", '#include "../train/trainer.h"', "*/"), [])

    def test_headers_are_guarded(self):
        self.write("core/real.h", "using real = float;\n")
        self.assertEqual(len(check_layering.check(self.root)[0]), 1)

    def test_an_empty_tree_is_a_problem(self):
        self.assertEqual(len(check_layering.check(self.root)[0]), 1)
