#include "format/dir_control.h"

#include "unit/format/captures.h"

namespace vstate {
namespace {

/// The table of FORMATS 4.3, for three levels; `n` counts from 1.
std::string closed_form(std::uint64_t n) {
  const std::string alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  const auto k = n / 100;
  const auto c = [&](std::uint64_t i) { return std::string(1, alphabet[i % 62]); };
  if (k == 0) return "";
  if (k <= 62) return c(k - 1);
  if (k <= 3906) return c((k - 63) / 62) + '/' + c(k - 63);
  const auto j = k - 3907;
  return c(j / 3844) + '/' + c(j / 62) + '/' + c(j);
}

DirControl reread(const DirControl& control) {
  auto result = parse_dir_control(to_text(control));
  REQUIRE(result);
  return *std::move(result);
}

/// `n` additions as the cdb backend does them: the file is read anew for each one, and holds in
/// the end what the last one wrote.
DirControl after_additions(std::uint64_t n) {
  DirControl control;
  for (std::uint64_t i = 0; i < n; ++i) {
    if (i > 0) control = reread(control);
    advance(control);
  }
  return control;
}

}  // namespace

TEST_CASE("dir-control: directories follow the closed form", "[format][dir-control]") {
  DirControl control;
  for (std::uint64_t n = 1; n <= 400'000; ++n) {
    const auto directory = advance(control);
    if (directory != closed_form(n)) {
      INFO(n);
      REQUIRE(directory == closed_form(n));
    }
  }
  CHECK(control.current_users == 400'000);
}

TEST_CASE("dir-control: the additions that FORMATS names", "[format][dir-control]") {
  const std::vector<std::pair<std::uint64_t, std::string>> expected{
      {99, ""},      {100, "0"},    {199, "0"},     {200, "1"},     {250, "1"},     {6299, "z"},
      {6300, "0/0"}, {6350, "0/0"}, {12400, "0/z"}, {12500, "1/0"}, {390600, "z/z"}};
  DirControl control;
  std::size_t next = 0;
  for (std::uint64_t n = 1; next < expected.size(); ++n) {
    const auto directory = advance(control);
    // From 12500 on the state is read anew only once in a while, to keep the test quick.
    if (n <= 12500 || n % 100 == 0) control = reread(control);
    if (n != expected[next].first) continue;
    INFO(n);
    CHECK(directory == expected[next].second);
    ++next;
  }
}

TEST_CASE("dir-control: files are those of the cdb backend", "[format][dir-control]") {
  const std::string head = "0\n3\n0 0 0\n61 61 61\n";
  CHECK(to_text(after_additions(1)) == "1\n" + head + "0 2 4\n0 0 0\n\n");
  CHECK(to_text(after_additions(2)) == "2\n" + head + "0 2 2\n0 0 0\n\n");
  CHECK(to_text(after_additions(150)) == "150\n" + head + "0 2 2\n0 0 0\n0\n");
  CHECK(to_text(after_additions(250)) == "250\n" + head + "0 2 2\n1 0 0\n1\n");
  CHECK(to_text(after_additions(6300)) == "6300\n1\n3\n0 0 0\n61 61 61\n0 2 2\n0 1 0\n0/0\n");
  CHECK(to_text(after_additions(6350)) == "6350\n1\n3\n0 0 0\n61 61 61\n0 2 2\n0 1 1\n0/0\n");
}

TEST_CASE("dir-control: the index runs ahead of the character until its first wrap",
          "[format][dir-control]") {
  DirControl control;
  for (int n = 0; n < 12'300; ++n) advance(control);
  CHECK(control.directory == "0/y");
  CHECK(control.index[1] == 61);
  for (int n = 0; n < 100; ++n) advance(control);
  CHECK(control.directory == "0/z");
  CHECK(control.index[1] == 62);
  for (int n = 0; n < 100; ++n) advance(control);
  CHECK(control.directory == "1/0");
  CHECK(control.index[1] == 0);
}

TEST_CASE("dir-control: the cdb backend never makes proper three-level names",
          "[format][dir-control]") {
  DirControl control;
  for (int n = 0; n < 390'699; ++n) advance(control);
  CHECK(control.directory == "z/z");
  control = reread(control);
  CHECK(advance(control) == "0/1/");
  for (int n = 0; n < 100; ++n) {
    control = reread(control);
    advance(control);
  }
  CHECK(control.directory == "0/2/");
}

TEST_CASE("dir-control: a deletion counts down and stays in the directory",
          "[format][dir-control]") {
  auto control = after_additions(100);
  retreat(control);
  CHECK(control.current_users == 99);
  CHECK(control.directory == "0");
  CHECK(advance(control) == "1");
  DirControl empty;
  retreat(empty);
  CHECK(empty == DirControl());
}

TEST_CASE("dir-control: the third numbers are those of the second", "[format][dir-control]") {
  const auto control = parse_dir_control("7\n0\n3\n0 0 9\n61 61\n0 2 x\n5 0 33\n5\n");
  REQUIRE(control);
  CHECK(control->start == std::array<int, 3>{0, 0, 0});
  CHECK(control->end == std::array<int, 3>{61, 61, 61});
  CHECK(control->mod == std::array<int, 3>{0, 2, 2});
  CHECK(control->index == std::array<int, 3>{5, 0, 0});
}

TEST_CASE("dir-control: a ninth line replaces the directory", "[format][dir-control]") {
  const std::string text = "7\n0\n3\n0 0 0\n61 61 61\n0 2 4\n5 0 0\n5\n";
  CHECK(parse_dir_control(text)->directory == "5");
  CHECK(parse_dir_control(text + "6\nrubbish\n")->directory == "6");
  CHECK(parse_dir_control(text.substr(0, text.size() - 1))->directory == "5");
}

TEST_CASE("dir-control: what vpopmail cannot have written is an error", "[format][dir-control]") {
  const auto fails = [](std::string_view text) {
    const auto result = parse_dir_control(text);
    return !result && result.error().code == Errc::invalid;
  };
  CHECK(fails(""));
  CHECK(fails("7\n0\n3\n0 0 0\n61 61 61\n0 2 4\n5 0 0\n"));
  CHECK(fails("x\n0\n3\n0 0 0\n61 61 61\n0 2 4\n5 0 0\n5\n"));
  CHECK(fails("7\n3\n3\n0 0 0\n61 61 61\n0 2 4\n5 0 0\n5\n"));
  CHECK(fails("7\n0\n3\n0 0 0\n62 61 61\n0 2 4\n5 0 0\n5\n"));
  CHECK(fails("7\n0\n3\n0 0 0\n61 61 61\n024\n5 0 0\n5\n"));
  CHECK(fails("7\n0\n3\n0 0 0\n61 61 61\n0 9 4\n5 0 0\n5\n"));
  CHECK(fails("7\n0\n3\n0 0 0\n61 61 61\n0 2 4\n5 0 0\n../..\n"));
  CHECK(fails("7\n0\n3\n0 0 0\n61 61 61\n0 2 4\n5 0 0\n/5\n"));
}

TEST_CASE("dir-control: no damage crashes reader or sequence", "[format][dir-control]") {
  for (const auto* text : {"99\n0\n3\n0 0 0\n61 61 61\n0 2 2\n1 0 0\n1\n",
                           "390699\n1\n3\n0 0 0\n61 61 61\n0 2 2\n61 61 61\nz/z\n"})
    test::for_each_damage(text, [](const std::string& damaged) {
      auto control = parse_dir_control(damaged);
      if (!control) return;
      for (int n = 0; n < 300; ++n) advance(*control);
      CHECK(to_text(*control).size() > 30);
    });
}

TEST_CASE("dir-control: captured files are written again as vpopmail would",
          "[format][dir-control][capture]") {
  SKIP_WITHOUT_CAPTURES();
  const auto files = test::captured_files(".dir-control");
  REQUIRE(files.size() == 140);
  for (const auto& path : files) {
    INFO(path.string());
    const auto text = test::read_bytes(path);
    const auto control = parse_dir_control(text);
    REQUIRE(control);
    if (control->current_users == 1) {
      CHECK(text == to_text(after_additions(1)));
    } else {
      CHECK(to_text(*control) == text);
    }
  }
}

}  // namespace vstate
