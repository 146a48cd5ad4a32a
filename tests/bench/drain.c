/* A command that does nothing but read its input to the end: amqp-consume dies of SIGPIPE where one
 * does not. */
#include <unistd.h>

int main(void) {
  char buffer[65536];
  while (read(0, buffer, sizeof buffer) > 0) {
  }
  return 0;
}
