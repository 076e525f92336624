# sixgrad_embed(file symbol output): writes the C++ source `output` that defines the bytes of `file` as
# `symbol` and their number as `symbol_size`; a change of the file runs CMake again.
function(sixgrad_embed file symbol output)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
  file(READ "${file}" bytes HEX)
  string(LENGTH "${bytes}" digits)
  math(EXPR size "${digits} / 2")
  string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  set(text "extern const unsigned char ${symbol}[];\nextern const unsigned long ${symbol}_size;\n")
  string(APPEND text "const unsigned char ${symbol}[] = {\n${bytes}};\nconst unsigned long ${symbol}_size = ${size};\n")
  file(CONFIGURE OUTPUT "${output}" CONTENT "@text@" @ONLY)
endfunction()
