#include <stdio.h>

int main(void) {
  puts("Hello from a package that rbit built");
  return 0;
}
