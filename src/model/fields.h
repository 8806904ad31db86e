/// \file
/// Each value as a list of named fields: the one description from which plans, JSON, and
/// differences are made.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "vstate/model/state.h"

namespace vstate {

/// A value for programs: a text, a number, a claim, a list, or named numbers. A long text stays
/// what people are told of it.
using FieldData = std::variant<std::string, std::int64_t, bool, std::vector<std::string>,
                               std::map<std::string, std::int64_t>>;

struct Field {
  std::string name;
  std::string value;  ///< for people; a digest-free placeholder if sensitive
  bool is_sensitive = false;
  FieldData data = {};
};
using Fields = std::vector<Field>;

[[nodiscard]] Fields fields_of(const Mailbox&);
[[nodiscard]] Fields fields_of(const Alias&);
[[nodiscard]] Fields fields_of(const Autoresponder&);
[[nodiscard]] Fields fields_of(const List&);
[[nodiscard]] Fields fields_of(const File&);
[[nodiscard]] Fields fields_of(const Limits&);
[[nodiscard]] Fields fields_of(const DeliveryLines&);

/// The fields that differ, by name, in the order of `after`; `secret_changed` names sensitive
/// fields that differ although their printed values are alike.
struct FieldChange {
  std::string name;
  std::string before, after;  ///< for people; empty for a side that does not have it
  bool is_sensitive = false;
  std::optional<FieldData> before_data = {}, after_data = {};
};
[[nodiscard]] std::vector<FieldChange> changed_fields(
    const Fields& before, const Fields& after, const std::vector<std::string>& secret_changed);
/// Names of sensitive fields whose real values differ.
[[nodiscard]] std::vector<std::string> changed_secrets(const Mailbox& before, const Mailbox& after);
[[nodiscard]] std::vector<std::string> changed_secrets(const List& before, const List& after);

/// "1.000 MiB / 1,000 messages" and the like; "none" without a limit.
[[nodiscard]] std::string to_text(const Quota&);
/// "2026-11-24T11:28:07Z"
[[nodiscard]] std::string to_utc_text(std::chrono::sys_seconds);
/// False for a time of no year from 0 to 9999: no text of that shape says it.
[[nodiscard]] bool has_utc_text(std::chrono::sys_seconds);

}  // namespace vstate
