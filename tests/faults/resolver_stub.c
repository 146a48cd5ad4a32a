/* A resolver that hangs, for LD_PRELOAD: getaddrinfo of a name that begins with "hangs" does not
 * come back for a minute. Everything else is the system's.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

int getaddrinfo(const char* node, const char* service, const struct addrinfo* hints,
                struct addrinfo** found) {
  int (*real)(const char*, const char*, const struct addrinfo*, struct addrinfo**);
  *(void**)&real = dlsym(RTLD_NEXT, "getaddrinfo");
  if (node != NULL && strncmp(node, "hangs", 5) == 0 &&
      !(hints != NULL && hints->ai_flags & AI_NUMERICHOST))
    sleep(60);
  return real(node, service, hints, found);
}
