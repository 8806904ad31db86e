// aliases(5), .forward and .qmail of people of a machine, said in the words of a domain's lines.

#include "accounts/said.h"

#include "fuzz.h"
#include "vstate/model/template.h"

using namespace vstate;

namespace {

void check_said(const Result<Said>& said) {
  VSTATE_ASSERT(said.has_value());
  Paths paths;
  paths.homes = {{"joe", "/h"}, {"bob", "/b"}};
  for (const auto& line : said->lines) {
    VSTATE_ASSERT(check_template(line).empty());
    // One that is two lines in a file would do what nobody wrote.
    const auto literal = expand(line, paths);
    VSTATE_ASSERT(!literal || literal->find('\n') == std::string::npos);
  }
}

}  // namespace

VSTATE_FUZZ_TARGET(mail_aliases) {
  for (const auto reader : {LineReader::qmail_local, LineReader::vdelivermail}) {
    SaidFor about;
    about.domain = "example.com";
    about.reader = reader;
    about.folder_of = [](const std::string& path) -> std::optional<std::string> {
      if (path.ends_with("mbox")) return "";
      return path.ends_with("Sent") ? std::optional<std::string>(".Sent") : std::nullopt;
    };
    // Each file includes itself.
    about.included = [&](const std::string& path) -> Result<std::optional<std::string>> {
      if (path.size() % 2 == 0) return std::nullopt;
      return std::string(bytes);
    };
    about.has_mailbox = [](const std::string& name) { return name == "joe" || name == "bob"; };
    for (const auto& entry : parse_aliases(bytes).entries)
      check_said(said_in_list(entry.list, about));
    about.person = "joe";
    about.home = "/home/joe";
    check_said(said_in_list(bytes, about));
    check_said(said_in_dot_qmail(bytes, about));
  }
}
