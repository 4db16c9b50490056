/* A phone on Sofia-SIP's NUA, for tests: commands are lines on stdin, events are lines on stdout that begin with "* ".
 *
 *   sofia name=value ...        url rtp early only100rel require supported allow session min_se refresher update_refresh manual
 *   call URI | ring STATUS | answer | refuse STATUS | cancel | bye | info TYPE TEXT ("|" for a line end) | refer URI | quit
 *   update CHANGE | reinvite CHANGE     where CHANGE is nothing, hold, resume, or the number of another RTP port
 *
 * An event is its name as NUA has it, the status and the phrase; the states of the call are told as "state NAME". The messages
 * themselves are printed by the library where TPORT_LOG is set.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

typedef struct phone phone_t;
#define NUA_MAGIC_T phone_t
#define SU_ROOT_MAGIC_T phone_t
#include <sofia-sip/nua.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/soa_tag.h>
#include <sofia-sip/su_log.h>

/* The stream, with all formats that both know: by itself the library answers with one, and drops the telephone-events. */
#define DESCRIBED(me) SOATAG_USER_SDP_STR((me)->sdp), SOATAG_RTP_SELECT(SOA_RTP_SELECT_COMMON)

#define METHODS "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY"

struct phone {
  su_root_t *root;
  nua_t *nua;
  nua_handle_t *call;
  int argc;
  char **argv;
  char sdp[512];
  char line[2048];
  size_t used;
};

/* The value of an option, NULL where it was not given. */
static char const *option(phone_t const *me, char const *name)
{
  size_t length = strlen(name);
  for (int i = 1; i < me->argc; i++)
    if (strncmp(me->argv[i], name, length) == 0 && me->argv[i][length] == '=')
      return me->argv[i] + length + 1;
  return NULL;
}

static int number(phone_t const *me, char const *name)
{
  char const *value = option(me, name);
  return value ? atoi(value) : 0;
}

static void describe(phone_t *me, int port)
{
  snprintf(me->sdp, sizeof me->sdp,
           "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio %d RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n"
           "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n", port);
}

static void tell(char const *name, int status, char const *phrase)
{
  printf("* %s %d %s\n", name, status, phrase ? phrase : "");
  fflush(stdout);
}

static void happened(nua_event_t event, int status, char const *phrase, nua_t *nua, phone_t *me, nua_handle_t *nh,
                     nua_hmagic_t *unused, sip_t const *sip, tagi_t tags[])
{
  (void)nua, (void)unused;
  if (event == nua_i_state) {
    int state = nua_callstate_init;
    tl_gets(tags, NUTAG_CALLSTATE_REF(state), TAG_END());
    printf("* state %s\n", nua_callstate_name((enum nua_callstate)state));
    fflush(stdout);
    return;
  }
  if (event == nua_i_invite && me->call == NULL)
    me->call = nua_handle_ref(nh);
  tell(nua_event_name(event) + strlen("nua_"), status, phrase);
  if ((event == nua_i_info || event == nua_i_notify) && sip && sip->sip_payload) {
    printf("* body ");
    for (unsigned i = 0; i < sip->sip_payload->pl_len; i++) {
      char c = sip->sip_payload->pl_data[i];
      if (c != '\r')
        putchar(c == '\n' ? '|' : c);
    }
    printf("\n");
    fflush(stdout);
  }
  if (event == nua_r_shutdown && status >= 200)
    su_root_break(me->root);
}

static void dial(phone_t *me, char const *uri)
{
  me->call = nua_handle(me->nua, NULL, NUTAG_URL(uri), SIPTAG_TO_STR(uri), TAG_END());
  nua_invite(me->call, DESCRIBED(me),
             TAG_IF(option(me, "require"), SIPTAG_REQUIRE_STR(option(me, "require"))), TAG_END());
}

/* "hold", "resume", an RTP port, or nothing. */
static void change(phone_t *me, char const *how, int by_update)
{
  char const *held = strcmp(how, "hold") == 0 ? "*" : "";
  if (atoi(how))
    describe(me, atoi(how));
  (by_update ? nua_update : nua_invite)(me->call, DESCRIBED(me), SOATAG_HOLD(held), TAG_END());
}

static void tell_by_info(phone_t *me, char *how)
{
  char *text = strchr(how, ' ');
  char body[256];
  size_t used = 0;
  *text++ = '\0';
  for (; *text && used < sizeof body - 3; text++) {
    if (*text == '|')
      body[used++] = '\r';
    body[used++] = *text == '|' ? '\n' : *text;
  }
  body[used] = '\0';
  nua_info(me->call, SIPTAG_CONTENT_TYPE_STR(how), SIPTAG_PAYLOAD_STR(body), TAG_END());
}

static void obey(phone_t *me, char *line)
{
  char *rest = strchr(line, ' ');
  if (rest)
    *rest++ = '\0';
  else
    rest = line + strlen(line);
  if (strcmp(line, "quit") == 0)
    nua_shutdown(me->nua);
  else if (strcmp(line, "call") == 0)
    dial(me, rest);
  else if (me->call == NULL)
    tell("no_call", 0, line);
  else if (strcmp(line, "ring") == 0)
    nua_respond(me->call, atoi(rest), sip_status_phrase(atoi(rest)), DESCRIBED(me), TAG_END());
  else if (strcmp(line, "answer") == 0)
    nua_respond(me->call, SIP_200_OK, DESCRIBED(me), TAG_END());
  else if (strcmp(line, "refuse") == 0)
    nua_respond(me->call, atoi(rest), sip_status_phrase(atoi(rest)), TAG_END());
  else if (strcmp(line, "cancel") == 0)
    nua_cancel(me->call, TAG_END());
  else if (strcmp(line, "bye") == 0)
    nua_bye(me->call, TAG_END());
  else if (strcmp(line, "update") == 0 || strcmp(line, "reinvite") == 0)
    change(me, rest, line[0] == 'u');
  else if (strcmp(line, "info") == 0 && strchr(rest, ' '))
    tell_by_info(me, rest);
  else if (strcmp(line, "refer") == 0)
    nua_refer(me->call, SIPTAG_REFER_TO_STR(rest), TAG_END());
  else
    tell("unknown_command", 0, line);
}

/* Something is on stdin: obey each whole line. Its end ends the program. */
static int typed(phone_t *me, su_wait_t *wait, su_wakeup_arg_t *unused)
{
  char *end;
  ssize_t got = read(STDIN_FILENO, me->line + me->used, sizeof me->line - me->used - 1);
  (void)wait, (void)unused;
  if (got <= 0) {
    su_root_break(me->root);
    return 0;
  }
  me->used += (size_t)got;
  me->line[me->used] = '\0';
  while ((end = strchr(me->line, '\n'))) {
    *end++ = '\0';
    obey(me, me->line);
    me->used -= (size_t)(end - me->line);
    memmove(me->line, end, me->used + 1);
  }
  return 0;
}

static int refresher(phone_t const *me)
{
  char const *who = option(me, "refresher");
  if (who && strcmp(who, "local") == 0)
    return nua_local_refresher;
  if (who && strcmp(who, "remote") == 0)
    return nua_remote_refresher;
  return who && strcmp(who, "none") == 0 ? nua_no_refresher : nua_any_refresher;
}

static nua_t *agent(phone_t *me)
{
  return nua_create(me->root, happened, me, NUTAG_URL(option(me, "url")), SOATAG_ADDRESS("127.0.0.1"), NUTAG_M_USERNAME("sofia"),
                    SIPTAG_FROM_STR("<sip:14155550144@sofia.example>"), NUTAG_AUTOALERT(0),
                    SIPTAG_ALLOW_STR(option(me, "allow") ? option(me, "allow") : METHODS),
                    TAG_IF(number(me, "manual"), NUTAG_AUTOANSWER(0)), NUTAG_EARLY_MEDIA(number(me, "early")),
                    NUTAG_ONLY183_100REL(number(me, "only100rel")), NUTAG_UPDATE_REFRESH(number(me, "update_refresh")),
                    TAG_IF(option(me, "session"), NUTAG_SESSION_TIMER((unsigned)number(me, "session"))),
                    TAG_IF(option(me, "min_se"), NUTAG_MIN_SE((unsigned)number(me, "min_se"))),
                    TAG_IF(option(me, "refresher"), NUTAG_SESSION_REFRESHER(refresher(me))),
                    TAG_IF(option(me, "supported"), SIPTAG_SUPPORTED_STR(option(me, "supported"))), TAG_END());
}

int main(int argc, char **argv)
{
  phone_t me = {.argc = argc, .argv = argv};
  su_wait_t input;
  setvbuf(stdout, NULL, _IOLBF, 0);
  setvbuf(stderr, NULL, _IOLBF, 0);
  su_init();
  me.root = su_root_create(&me);
  su_root_threading(me.root, 0); /* one thread: what is printed stays in order */
  describe(&me, number(&me, "rtp"));
  su_wait_create(&input, STDIN_FILENO, SU_WAIT_IN);
  me.nua = agent(&me);
  if (me.nua == NULL || su_root_register(me.root, &input, typed, NULL, 0) < 0) {
    fprintf(stderr, "the user agent cannot be made\n");
    return 1;
  }
  tell("ready", 0, "");
  su_root_run(me.root);
  return 0;
}
