# Cross compilation for 64-bit ARM on Debian; the tests run in qemu-user. Needs g++-aarch64-linux-gnu, qemu-user and, as
# packages for arm64, zlib1g-dev and libpng-dev.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu)
