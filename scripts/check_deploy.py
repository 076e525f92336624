#!/usr/bin/env python3
"""check_deploy.py RUN [--data DIR] [--bin DIR] [--images N] [--few N]: the C file of a trained net, compiled in every way at hand, against
the integer network that wrote it: every logit of the test images. Prints how many differ; the exit code is 0 if none does."""
import argparse
import array
import gzip
import pathlib
import shutil
import subprocess
import sys
import tempfile

DRIVER = """#include "net.h"
#include <stdio.h>
int main(int argc, char **argv) {
  static uint8_t image[NET_IMAGE];
  static int8_t logits[NET_CLASSES];
  int32_t row[NET_CLASSES];
  FILE *in = argc == 3 ? fopen(argv[1], "rb") : 0, *out = in ? fopen(argv[2], "wb") : 0;
  if (!out || net_selftest() != 0) return 1;
  while (fread(image, 1, sizeof image, in) == sizeof image) {
    net_predict(image, logits);
    for (int i = 0; i < NET_CLASSES; ++i) row[i] = logits[i];
    fwrite(row, sizeof row[0], NET_CLASSES, out);
  }
  return fclose(out) != 0;
}
"""
STRICT = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-DNET_SELFTEST"]

# What compilers say with -m32 where the 32-bit C library is not installed.
NO_32_BIT_LIBRARIES = ("sys/cdefs.h", "gnu/stubs-32.h", "bits/libc", "cannot find -l")


def ways(few, many):
    """name, compiler, flags, emulator, images"""
    for compiler in ("gcc", "clang"):
        yield compiler + " -O3", compiler, ["-O3"], [], many
        for flags in (["-O0"], ["-Os"], ["-O3", "-ffast-math"], ["-O1", "-funsigned-char"], ["-O1", "-fsanitize=undefined", "-fno-sanitize-recover=all"],
                      ["-O1", "-fsanitize=address"]):
            yield " ".join([compiler, *flags]), compiler, flags, [], few
    yield "32-bit gcc -Os", "gcc", ["-m32", "-Os"], [], few
    yield "ARM (Thumb-2) in qemu", "arm-linux-gnueabihf-gcc", ["-O2", "-mthumb", "-static"], ["qemu-arm"], few
    yield "64-bit ARM in qemu", "aarch64-linux-gnu-gcc", ["-O2", "-static"], ["qemu-aarch64"], few
    yield "RISC-V in qemu", "riscv64-linux-gnu-gcc", ["-O2", "-static"], ["qemu-riscv64"], few


def sizes(folder):
    """Code and RAM on microcontrollers; an AVR reads constants from its flash, which takes a file of its own."""
    for name, compiler, flags in (("Cortex-M0", "arm-none-eabi-gcc", ["net.c", "-mcpu=cortex-m0", "-mthumb"]),
                                  ("Cortex-M4", "arm-none-eabi-gcc", ["net.c", "-mcpu=cortex-m4", "-mthumb"]),
                                  ("ATmega2560", "avr-gcc", ["avr/net.c", "-mmcu=atmega2560"])):
        if not shutil.which(compiler):
            print(f"{name}: no {compiler}")
            continue
        subprocess.run([compiler, *STRICT[:-1], *flags, "-Os", "-c", "-o", "net.o"], cwd=folder, check=True)
        tool = compiler.replace("gcc", "size")
        out = subprocess.run([tool, "-A", "net.o"], cwd=folder, check=True, capture_output=True, text=True).stdout
        section = {}
        for line in out.splitlines():
            parts = line.split()
            if len(parts) >= 2 and parts[0].startswith(".") and parts[1].isdigit():
                key = "." + parts[0].split(".")[1]
                section[key] = section.get(key, 0) + int(parts[1])
        print(f"{name} -Os: code {section.get('.text', 0)} bytes, constants {section.get('.rodata', 0) + section.get('.progmem', 0)} bytes, "
              f"RAM {section.get('.bss', 0) + section.get('.data', 0)} bytes")


def test_images(folder, kind="images-idx3", header=16):
    for name in (f"t10k-{kind}-ubyte", f"t10k-{kind.replace('-', '.')}-ubyte"):
        for ending, opener in (("", open), (".gz", gzip.open)):
            path = pathlib.Path(folder) / (name + ending)
            if path.exists():
                with opener(path, "rb") as f:
                    return f.read()[header:]
    sys.exit(f"{folder}: no test images")


def numbers(path):
    values = array.array("i")
    values.frombytes(path.read_bytes())
    return values


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--data", required=True)
    parser.add_argument("--bin", default=root / "build/release/bin", type=pathlib.Path)
    parser.add_argument("--images", type=int, default=10000)
    parser.add_argument("--few", type=int, default=500)
    parser.add_argument("deploy", nargs="*", help="options for deploy, behind --")
    options = parser.parse_args()
    if not shutil.which("gcc"):
        sys.exit("check_deploy.py: there is no gcc, without which nothing would be checked")
    bad = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        deploy = [options.bin / "deploy", options.run, "--name", "net", "--data", options.data, *options.deploy]
        subprocess.run([*deploy, "--out", folder, "--test-logits", folder / "expected", "--check", str(options.images)], check=True)
        subprocess.run([*deploy, "--out", folder / "avr", "--avr-progmem"], check=True, stdout=subprocess.DEVNULL)
        (folder / "main.c").write_text(DRIVER)
        expected = numbers(folder / "expected")
        images = test_images(options.data)
        size = len(images) * 10 // len(expected)
        for name, compiler, flags, emulator, count in ways(options.few, options.images):
            if not shutil.which(compiler) or emulator and not shutil.which(emulator[0]):
                print(f"{name}: not at hand")
                continue
            said = subprocess.run([compiler, *STRICT, *flags, "net.c", "main.c", "-o", "net"], cwd=folder, capture_output=True, text=True)
            if said.returncode:
                missing = "-m32" in flags and any(sign in said.stderr for sign in NO_32_BIT_LIBRARIES)
                bad += not missing
                print(f"{name}: {'no 32-bit libraries' if missing else 'does not compile: ' + said.stderr}")
                continue
            (folder / "images").write_bytes(images[:count * size])
            subprocess.run([*emulator, folder / "net", folder / "images", folder / "logits"], check=True)
            got = numbers(folder / "logits")
            differing = sum(a != b for a, b in zip(got, expected)) if len(got) == 10 * count else len(expected)
            bad += differing
            print(f"{name}: {count} images x 10 logits, {differing} differ", flush=True)
        sizes(folder)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
