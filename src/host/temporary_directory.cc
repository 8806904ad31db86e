// Where a temporary has to have a name, since another program opens it by that.

#include "host/temporary_directory.h"

#include <cstdlib>
#include <filesystem>

namespace vstate {

namespace fs = std::filesystem;

Result<std::shared_ptr<const TemporaryDirectory>> TemporaryDirectory::make() {
  std::error_code error;
  auto name = (fs::temp_directory_path(error) / "vstate-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) return fail_errno(name, "cannot make the directory");
  return std::shared_ptr<const TemporaryDirectory>(new TemporaryDirectory(std::move(name)));
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace vstate
