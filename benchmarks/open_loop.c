/* Sends requests at constant rates, whatever becomes of them: an open loop, as many clients who know nothing of
 * one another are. Arguments: PORT CONNECTIONS FILE RATE:SECONDS [RATE:SECONDS ...]. The file has one JSON body
 * per line. Prints one line of JSON: the results of each phase, by the time at which a request was due.
 *
 * A request that is due while no connection is free is not sent, and counts as `unsent`: it would wait in the
 * client, which says nothing of the server. Latency counts from the time at which the request was due. Beside
 * the load, /health is asked ten times a second, each time on a new connection. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 8192, EVENTS = 256, MOST_PHASES = 32, MOST_BODIES = 4096 };
static const double LAST_ANSWERS = 3, PROBE_EVERY = 0.1, PROBE_TIMEOUT = 2;

typedef struct {
  double rate, seconds, begins;
  long due, unsent, ok, refused, other, broken;
  float *latencies;
} Phase;

typedef struct {
  int socket, phase, busy;
  size_t received, expected;
  double due;
  char buffer[BUFFER];
} Connection;

static int epoll_fd, port, connection_count, phase_count, body_count;
static Connection *connections, probe;
static int *idle, idle_count, idle_first;
static Phase phases[MOST_PHASES];
static char *requests[MOST_BODIES];
static size_t request_sizes[MOST_BODIES];
static float *probes;
static long probe_count, probe_failures;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void open_connection(Connection *c, int number) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};
  int on = 1;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  c->socket = socket(AF_INET, SOCK_STREAM, 0);
  c->busy = 0;
  c->received = c->expected = 0;
  if (c->socket < 0 || connect(c->socket, (struct sockaddr *)&address, sizeof address)) fail("connect");
  setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(c->socket, F_SETFL, O_NONBLOCK);
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->socket, &event);
}

static void put_idle(int number) { idle[(idle_first + idle_count++) % connection_count] = number; }

static int take_idle(void) {
  int number = idle[idle_first];
  idle_first = (idle_first + 1) % connection_count;
  idle_count--;
  return number;
}

static void reopen(int number) {
  Connection *c = &connections[number];
  if (c->busy) {
    phases[c->phase].broken++;
    put_idle(number);
  }
  close(c->socket);
  open_connection(c, number);
}

static void send_request(int phase, double due, long position) {
  int number = take_idle(), body = position % body_count;
  Connection *c = &connections[number];
  c->busy = 1;
  c->phase = phase;
  c->due = due;
  if (send(c->socket, requests[body], request_sizes[body], MSG_NOSIGNAL) != (ssize_t)request_sizes[body]) reopen(number);
}

/* Returns the status once the answer is whole, 0 before, -1 if the connection has ended. */
static int receive(Connection *c) {
  ssize_t size = recv(c->socket, c->buffer + c->received, BUFFER - 1 - c->received, 0);
  if (size <= 0) return size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? 0 : -1;
  c->received += size;
  c->buffer[c->received] = 0;
  if (!c->expected) {
    char *end = strstr(c->buffer, "\r\n\r\n"), *length = strcasestr(c->buffer, "content-length:");
    if (!end) return c->received < BUFFER - 1 ? 0 : -1;
    c->expected = end + 4 - c->buffer + (length && length < end ? atol(length + 15) : 0);
  }
  if (c->received < c->expected) return c->expected < BUFFER ? 0 : -1;
  c->received = c->expected = 0;
  return atoi(c->buffer + 9);
}

static void read_answer(int number) {
  Connection *c = &connections[number];
  int status = receive(c);
  Phase *phase = &phases[c->phase];
  if (status < 0) reopen(number);
  if (status <= 0 || !c->busy) return;
  if (status == 200) phase->latencies[phase->ok++] = now() - c->due;
  else if (status == 503) phase->refused++;
  else phase->other++;
  c->busy = 0;
  put_idle(number);
}

static void end_probe(int answered) {
  if (answered) probes[probe_count++] = now() - probe.due;
  else probe_failures++;
  close(probe.socket);
  probe.socket = -1;
}

static void probe_health(double time) {
  static const char text[] = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  if (probe.socket >= 0 && time - probe.due > PROBE_TIMEOUT) end_probe(0);
  if (probe.socket >= 0 || time < probe.due + PROBE_EVERY) return;
  probe.due = time;
  open_connection(&probe, connection_count);
  if (send(probe.socket, text, sizeof text - 1, MSG_NOSIGNAL) < 0) end_probe(0);
}

static void wait_for_answers(double seconds) {
  struct epoll_event events[EVENTS];
  struct timespec timeout = {0, seconds > 0 ? (long)(seconds * 1e9) : 0};
  int count = epoll_pwait2(epoll_fd, events, EVENTS, &timeout, NULL);
  for (int i = 0; i < count; i++) {
    int number = events[i].data.u32, status;
    if (number < connection_count) read_answer(number);
    else if (probe.socket >= 0 && (status = receive(&probe))) end_probe(status == 200);
  }
}

static void run(void) {
  double start = now(), end = start;
  long position = 0;
  for (int p = 0; p < phase_count; p++) {
    phases[p].begins = end;
    end += phases[p].seconds;
    phases[p].latencies = malloc((phases[p].rate * phases[p].seconds + 1) * sizeof(float));
  }
  for (int p = 0; p < phase_count; p++) {
    Phase *phase = &phases[p];
    long all = phase->rate * phase->seconds;
    while (phase->due < all) {
      double time = now(), due = phase->begins + phase->due / phase->rate;
      if (due <= time) {
        if (idle_count) send_request(p, due, position++);
        else phase->unsent++;
        phase->due++;
        if (phase->due % 64) continue; /* look for answers also when late */
        due = time;
      }
      probe_health(time);
      wait_for_answers(due - time < 0.001 ? due - time : 0.001);
    }
  }
  while (idle_count < connection_count && now() < end + LAST_ANSWERS) wait_for_answers(0.001);
}

static int compare(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

static double percentile(float *sorted, long count, double share) {
  return count ? sorted[(long)((count - 1) * share)] * 1000 : 0;
}

static void print_results(void) {
  printf("{\"phases\": [");
  for (int p = 0; p < phase_count; p++) {
    Phase *f = &phases[p];
    qsort(f->latencies, f->ok, sizeof(float), compare);
    printf("%s{\"rate\": %.0f, \"seconds\": %.1f, \"due\": %ld, \"unsent\": %ld, \"ok\": %ld, \"refused\": %ld, "
           "\"other\": %ld, \"broken\": %ld, \"p50_ms\": %.2f, \"p99_ms\": %.2f}",
           p ? ", " : "", f->rate, f->seconds, f->due, f->unsent, f->ok, f->refused, f->other, f->broken,
           percentile(f->latencies, f->ok, 0.5), percentile(f->latencies, f->ok, 0.99));
  }
  qsort(probes, probe_count, sizeof(float), compare);
  printf("], \"health\": {\"answered\": %ld, \"failed\": %ld, \"p99_ms\": %.2f}}\n", probe_count, probe_failures,
         percentile(probes, probe_count, 0.99));
}

static void read_bodies(const char *path) {
  FILE *file = fopen(path, "r");
  char *line = NULL;
  size_t capacity = 0;
  ssize_t size;
  if (!file) fail(path);
  while (body_count < MOST_BODIES && (size = getline(&line, &capacity, file)) > 0) {
    size -= line[size - 1] == '\n';
    request_sizes[body_count] = asprintf(&requests[body_count],
                                         "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                                         "Content-Length: %zd\r\n\r\n%.*s", size, (int)size, line);
    body_count++;
  }
  if (!body_count) fail("no body");
}

int main(int count, char **arguments) {
  double seconds = 0;
  if (count < 5) return 2;
  port = atoi(arguments[1]);
  connection_count = atoi(arguments[2]);
  read_bodies(arguments[3]);
  for (int i = 4; i < count && phase_count < MOST_PHASES; i++) {
    Phase *phase = &phases[phase_count++];
    if (sscanf(arguments[i], "%lf:%lf", &phase->rate, &phase->seconds) != 2) return 2;
    seconds += phase->seconds;
  }
  epoll_fd = epoll_create1(0);
  probe.socket = -1;
  probes = malloc((seconds / PROBE_EVERY + 100) * sizeof(float));
  connections = calloc(connection_count, sizeof *connections);
  idle = malloc(connection_count * sizeof *idle);
  for (int i = 0; i < connection_count; i++) {
    open_connection(&connections[i], i);
    put_idle(i);
    if (i % 100 == 99) usleep(10000);
  }
  usleep(200000);
  run();
  print_results();
  return 0;
}
