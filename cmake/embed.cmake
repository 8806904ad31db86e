# Turns a text file into a C++ source with one function that returns it: INPUT, OUTPUT.
file(READ ${INPUT} text)
file(WRITE ${OUTPUT} "#include \"vstate/document/document.h\"

namespace vstate::document {

std::string_view schema() {
  return R\"schema(${text})schema\";
}

}  // namespace vstate::document
")
