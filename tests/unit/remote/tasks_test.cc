#include "remote/sftp/tasks.h"

#include "support/catch.h"

using namespace vstate;
using remote::Tasks;

TEST_CASE("what a task asked is told when it begins again", "[remote]") {
  Tasks tasks;
  CHECK(tasks.begin("one").names.empty());
  tasks.add_name("/a");
  tasks.add_directory("/b");
  tasks.add_file("/b/c");
  tasks.add_link("/l");
  tasks.end();
  tasks.add_name("/nobody asks for a task");
  CHECK(tasks.begin("two").names.empty());
  tasks.add_name("/z");
  tasks.end();
  const auto before = tasks.begin("one");
  CHECK(before.names == std::set<std::string>{"/a"});
  CHECK(before.directories == std::set<std::string>{"/b"});
  CHECK(before.files == std::set<std::string>{"/b/c"});
  CHECK(before.links == std::set<std::string>{"/l"});
  // What is not asked any more is not asked for the next time.
  CHECK(tasks.begin("one").names.empty());
}

TEST_CASE("walks stay with their task until others come", "[remote]") {
  Tasks tasks;
  tasks.add_walked("/before any task");
  tasks.begin("one");
  tasks.add_walked("/part of the task itself");
  tasks.end();
  tasks.add_walked("/w/1");
  tasks.add_walked("/w/2");
  const std::set<std::string> walked{"/w/1", "/w/2"};
  CHECK(tasks.begin("one").walked == walked);
  tasks.end();
  CHECK(tasks.begin("one").walked == walked);
  tasks.end();
  tasks.add_walked("/w/3");
  CHECK(tasks.begin("one").walked == std::set<std::string>{"/w/3"});
}

TEST_CASE("what was asked is written and read again", "[remote]") {
  Tasks tasks;
  tasks.begin("domain example.com");
  tasks.add_name("/with a blank ");
  tasks.add_name("/with\na line break");
  tasks.add_file("/r\xff");
  tasks.end();
  tasks.add_walked("/w");
  Tasks later;
  later.read("list /belongs to nobody\n" + tasks.to_text() + "what\nread relative\n\ntask");
  CHECK(later.to_text() == "task domain example.com\nname /with a blank \nread /r\xff\nwalk /w\n");
  const auto asked = later.begin("domain example.com");
  CHECK(asked.names == std::set<std::string>{"/with a blank "});
  CHECK(asked.files == std::set<std::string>{"/r\xff"});
  CHECK(asked.walked == std::set<std::string>{"/w"});
}
