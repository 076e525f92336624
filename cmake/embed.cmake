# cmake -DINPUT=file -DOUTPUT=file.cpp -DNAME=symbol -P embed.cmake: the bytes of INPUT as `NAME` and their number as `NAME_size`.
file(READ "${INPUT}" bytes HEX)
string(LENGTH "${bytes}" digits)
math(EXPR size "${digits} / 2")
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(................................................................................)" "\\1\n" bytes "${bytes}")
get_filename_component(source "${INPUT}" NAME)
file(WRITE "${OUTPUT}" "// Generated from ${source}.
extern const unsigned char ${NAME}[];
extern const unsigned long ${NAME}_size;
const unsigned char ${NAME}[] = {\n${bytes}};
const unsigned long ${NAME}_size = ${size};
")
