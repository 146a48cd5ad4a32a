// Prints what man/rbit-monitor.7 must say of the metrics (tests/unit/monitor compares).
#include <iostream>

#include "tests/support/metric_reference.h"

int main() {
  std::cout << rbit::test::man_metrics();
  return std::cout.flush() ? 0 : 1;
}
