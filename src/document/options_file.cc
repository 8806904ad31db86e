// The options' file holds the same options as the command line, so its values are handed on as the
// texts that a person would have typed there. What an option is and which values it takes is not
// known here; only the shape of the file is checked, with the place of each error.

#include "vstate/document/options_file.h"

#include <algorithm>
#include <optional>

#include "document/toml.h"

namespace vstate::document {

namespace {

class OptionsReader {
 public:
  OptionsReader(const std::string& file, Diagnostics& diagnostics)
      : file_(file), diagnostics_(diagnostics) {}

  void read(const toml::table& table, const std::string& command) {
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      const auto* below = node.as_table();
      // A table within a command's table is no option of anything, and is told as a wrong type.
      if (below != nullptr && command.empty())
        read(*below, name);
      else
        take(command, name, node);
    }
  }

  std::vector<OptionValue> values() && {
    // toml++ keeps keys sorted; errors about options read better in the order of the file.
    std::stable_sort(values_.begin(), values_.end(), [](const auto& one, const auto& other) {
      return std::pair(one.place.line, one.place.column) <
             std::pair(other.place.line, other.place.column);
    });
    return std::move(values_);
  }

 private:
  [[nodiscard]] Place place_of(const toml::node& node) const {
    const auto begin = node.source().begin;
    return {file_, begin.line, begin.column};
  }

  [[nodiscard]] static std::optional<std::string> scalar(const toml::node& node) {
    // Dates and fractions are no option's value.
    if (const auto* text = node.as_string()) return text->get();
    if (const auto* number = node.as_integer()) return std::to_string(number->get());
    if (const auto* is_set = node.as_boolean()) return is_set->get() ? "true" : "false";
    return std::nullopt;
  }

  void take(const std::string& command, const std::string& name, const toml::node& node) {
    OptionValue value{command, name, node.is_boolean(), node.is_array(), {}, place_of(node)};
    const auto add = [&](const toml::node& part) {
      if (auto text = scalar(part); text && (!value.is_array || part.is_string()))
        value.values.push_back(*std::move(text));
      else
        diagnostics_.error(place_of(part), value.is_array
                                               ? name + ": an array holds strings here"
                                               : name +
                                                     ": neither a string, a whole number, true, "
                                                     "false, nor an array of strings");
    };
    // An array is an option that was given several times.
    if (const auto* array = node.as_array())
      for (const auto& part : *array) add(part);
    else
      add(node);
    // A value with an error is kept: the command line may still say that there is no such option.
    values_.push_back(std::move(value));
  }

  std::string file_;
  Diagnostics& diagnostics_;
  std::vector<OptionValue> values_;
};

}  // namespace

std::vector<OptionValue> read_options(std::string_view text, const std::string& file_name,
                                      Diagnostics& diagnostics) {
  OptionsReader reader(file_name, diagnostics);
  if (const auto root = parse_toml(text, file_name, diagnostics)) reader.read(*root, "");
  return std::move(reader).values();
}

}  // namespace vstate::document
