# Turns a text file into a C++ source with one function that returns it: INPUT, OUTPUT, and the
# FUNCTION as HEADER declares it.
file(READ ${INPUT} text)
file(WRITE ${OUTPUT} "#include \"${HEADER}\"

namespace vstate::document {

std::string_view ${FUNCTION}() {
  return R\"schema(${text})schema\";
}

}  // namespace vstate::document
")
