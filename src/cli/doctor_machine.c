/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_machine.c: the clock of the machine, and what the kernel grants a process that holds keys.
 *
 * Reads only: adjtimex with no modes changes nothing. One thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timex.h>

#include "doctor_report.h"

/* Two seconds: some file systems stamp by the second or two. */
#define SLACK_SECONDS 2
#define LOCKED_BYTES  (1u << 20)

static void compare_clock(xg_doctor_report *report, int64_t now, int64_t other, const char *what)
{
    char storage[XG_CLOCK_TEXT_SIZE];
    if (other > now + SLACK_SECONDS) {
        xg_str text = xg_clock_format(other, storage);
        xg_doctor_report_add(report, XG_DOCTOR_FAIL, NULL,
                             "set the clock: tokens minted now could be refused, and expired ones admitted",
                             "the clock is behind %s (%.*s)", what, (int)text.len, text.ptr);
    }
}

static void check_clock(xg_doctor_report *report)
{
    struct stat program;
    char storage[XG_CLOCK_TEXT_SIZE];
    int64_t now = xg_clock_wall();
    xg_doctor_report_begin(report, "clock");
    if (stat("/proc/self/exe", &program) == 0) {
        compare_clock(report, now, program.st_mtim.tv_sec, "the time this program was written");
    }
    compare_clock(report, now, report->newest.tv_sec, "the newest file that was looked at");
    xg_str text = xg_clock_format(now, storage);
    xg_doctor_report_end(report, NULL, "%.*s", (int)text.len, text.ptr);
}

static void check_synchronised(xg_doctor_report *report)
{
    static const char HELP[] = "start chrony, systemd-timesyncd or ntpd; in a container, see to it on the host";
    struct timex state = {.modes = 0};
    xg_doctor_report_begin(report, "clock synchronised");
    int answer = adjtimex(&state);
    if (answer < 0) {
        xg_doctor_report_add(report, XG_DOCTOR_WARN, NULL, HELP, "the kernel does not say: %s", strerror(errno));
    } else if (answer == TIME_ERROR || (state.status & STA_UNSYNC) != 0) {
        xg_doctor_report_add(report, XG_DOCTOR_WARN, NULL, HELP, "nothing keeps the clock right (STA_UNSYNC)");
    }
    xg_doctor_report_end(report, NULL, "within %ld ms", (long)(state.maxerror / 1000));
}

static void check_memory(xg_doctor_report *report)
{
    struct rlimit limit = {0, 0};
    xg_doctor_report_begin(report, "locked memory");
    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur < LOCKED_BYTES) {
        xg_doctor_report_add(report, XG_DOCTOR_WARN, NULL, "ulimit -l 1024, or LimitMEMLOCK=1M in the unit",
                             "%" PRIu64 " bytes: private keys could be swapped out", (uint64_t)limit.rlim_cur);
    }
    xg_doctor_report_end(report, NULL, "at least 1 MiB");
}

/* main sees to both before anything else: this is where it shows that it could not. */
static void check_cores(xg_doctor_report *report)
{
    struct rlimit limit = {1, 1};
    xg_doctor_report_begin(report, "core dumps");
    if (getrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_cur != 0) {
        xg_doctor_report_add(report, XG_DOCTOR_FAIL, NULL, "ulimit -c 0", "this process could leave a core file");
    }
    if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0) {
        xg_doctor_report_add(report, XG_DOCTOR_WARN, NULL, "use a release build for real keys",
                             "other processes of this user can look into this one");
    }
    xg_doctor_report_end(report, NULL, "none, and no debugger of the same user");
}

void xg_doctor_machine_check(xg_doctor_report *report)
{
    check_clock(report);
    check_synchronised(report);
    check_memory(report);
    check_cores(report);
}
