#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <sys/stat.h>

int main(int argc, char** argv) {
  ::umask(022);  // who may write to a file is looked at, whatever shell we were started from
  return doctest::Context(argc, argv).run();
}
