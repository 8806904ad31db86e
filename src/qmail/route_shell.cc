// A delivery line is a shell command, and all that is wanted of it is which programs it runs. So
// this is no shell: it splits words, quotes and joints, fills in the variables that qmail-local
// sets, and says of everything else that it cannot tell.

#include "qmail/route_shell.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "sys/files.h"
#include "sys/path.h"

namespace vstate {

namespace {

bool is_name_byte(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

class Lexer {
 public:
  Lexer(std::string_view text, const Environment& environment)
      : text_(text), environment_(environment) {}

  ShellLine run() {
    while (at_ < text_.size()) next();
    end_word();
    end_command("");
    return std::move(line_);
  }

 private:
  void next() {
    const char c = text_[at_];
    if (c == '\'' || c == '"') return quoted(c);
    if (c == '$') return variable();
    // A "#" within a word is an ordinary character.
    if (c == '#' && !in_word_) {
      at_ = std::min(text_.find('\n', at_), text_.size());
      return;
    }
    ++at_;
    if (c == ' ' || c == '\t') return end_word();
    if (c == '\\') return add(at_ < text_.size() ? text_[at_++] : '\\');
    if (c == '<' || c == '>') return redirection();
    if (c == '|' || c == '&' || c == ';' || c == '\n') return joint(c);
    // What these do depends on files and on output that only a shell has.
    if (c == '`' || c == '(' || c == ')' || c == '*' || c == '?') line_.is_simple = false;
    add(c);
  }

  void add(char c) {
    word_.push_back(c);
    in_word_ = true;
  }

  void quoted(char quote) {
    in_word_ = true;
    for (++at_; at_ < text_.size() && text_[at_] != quote;) {
      // Within single quotes nothing is special; within double ones, variables and substitutions
      // still are.
      if (quote == '"' && text_[at_] == '$') {
        variable();
        continue;
      }
      if (quote == '"' && text_[at_] == '`') line_.is_simple = false;
      if (quote == '"' && text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      word_.push_back(text_[at_++]);
    }
    // A shell would refuse a line whose quote does not end.
    if (at_ == text_.size()) line_.is_simple = false;
    ++at_;
  }

  /// A variable that is not known stays as it is written. An unquoted one that is empty leaves no
  /// word behind, as in a shell.
  void variable() {
    const auto begin = at_++;
    const bool braced = at_ < text_.size() && text_[at_] == '{';
    if (braced) ++at_;
    const auto name_at = at_;
    while (at_ < text_.size() && is_name_byte(text_[at_])) ++at_;
    const auto name = text_.substr(name_at, at_ - name_at);
    // Forms such as "${EXT%-*}" compute something, which is not followed.
    if (braced) {
      if (at_ >= text_.size() || text_[at_] != '}')
        line_.is_simple = false;
      else
        ++at_;
    }
    const auto value = environment_.find(name);
    if (name.empty() || value == environment_.end()) {
      if (name.empty()) line_.is_simple = false;
      word_ += text_.substr(begin, at_ - begin);
      in_word_ = true;
      return;
    }
    word_ += value->second;
    in_word_ |= !value->second.empty();
  }

  void redirection() {
    // A number directly before it names the descriptor.
    if (std::all_of(word_.begin(), word_.end(),
                    [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; })) {
      word_.clear();
      in_word_ = false;
    }
    end_word();
    while (at_ < text_.size() &&
           std::string_view("<>&| \t").find(text_[at_]) != std::string_view::npos)
      ++at_;
    // The next word is a file's name or a descriptor, and no argument.
    drops_next_ = true;
  }

  void joint(char c) {
    end_word();
    std::string operation(1, c == '\n' ? ';' : c);
    if ((c == '|' || c == '&') && at_ < text_.size() && text_[at_] == c) {
      operation.push_back(c);
      ++at_;
    }
    end_command(operation);
  }

  void end_word() {
    if (in_word_ && drops_next_)
      drops_next_ = false;
    else if (in_word_)
      command_.words.push_back(word_);
    word_.clear();
    in_word_ = false;
  }

  void end_command(std::string next_joint) {
    drop_prefix();
    if (!command_.words.empty()) line_.commands.push_back(std::move(command_));
    command_ = {};
    command_.joined_by = std::move(next_joint);
  }

  void drop_prefix() {
    constexpr std::array<std::string_view, 10> compound{"if",   "for", "while", "until", "case",
                                                        "then", "do",  "else",  "{",     "!"};
    auto& words = command_.words;
    while (!words.empty()) {
      const auto name = path_name(words.front());
      const auto equals = words.front().find('=');
      const bool assigns =
          equals != std::string::npos && equals > 0 &&
          std::all_of(words.front().begin(),
                      words.front().begin() + static_cast<std::ptrdiff_t>(equals), is_name_byte);
      // The word itself is dropped so that the program behind it is seen, but whether it runs is
      // the shell's decision.
      if (std::find(compound.begin(), compound.end(), words.front()) != compound.end())
        line_.is_simple = false;
      else if (name != "exec" && name != "preline" && name != "env" && !assigns)
        break;
      words.erase(words.begin());
      // Options of such a prefix stand before the program that it starts.
      while (!assigns && !words.empty() && words.front().starts_with('-'))
        words.erase(words.begin());
    }
  }

  std::string_view text_;
  const Environment& environment_;
  std::size_t at_ = 0;
  std::string word_;
  bool in_word_ = false, drops_next_ = false;
  ShellCommand command_;
  ShellLine line_;
};

}  // namespace

ShellLine parse_shell(std::string_view command, const Environment& environment) {
  return Lexer(command, environment).run();
}

}  // namespace vstate
