// A phone made of SIP.js: takes commands as lines of JSON, tells what happens likewise. Its sound belongs to whoever commands it:
// the session descriptions name a port of theirs, and what the far end describes is told.

import { createInterface } from "node:readline";
import { Inviter, Registerer, SessionState, SIPExtension, UserAgent } from "sip.js";
import { WebSocket } from "ws";

globalThis.WebSocket = WebSocket; // a browser has its own

const wishes = JSON.parse(process.argv[2]);
const HOST = "127.0.0.1";
const VOICES = [["8", "PCMA/8000"], ["0", "PCMU/8000"]]; // the preferred one first
const EVENTS = "telephone-event/8000";
const MIRROR = { sendrecv: "sendrecv", sendonly: "recvonly", recvonly: "sendonly", inactive: "inactive" };

function tell(event, facts = {}) {
  process.stdout.write(JSON.stringify({ event, ...facts }) + "\n");
}

// Offer and answer (RFC 3264) without a peer connection: plain RTP to and from the port that a command named.
class Descriptions {
  constructor(call) {
    this.call = call;
    this.port = 0;
    this.version = 0;
    this.remote = null; // the far end's offer that waits for our answer
    this.offered = false;
  }

  async getDescription(options) {
    this.port = options?.port ?? this.port;
    const formats = this.remote?.formats ?? [...VOICES, ["101", EVENTS]];
    const direction = this.remote ? MIRROR[this.remote.direction] : options?.hold ? "sendonly" : "sendrecv";
    this.offered = !this.remote;
    this.remote = null;
    this.version += 1;
    const lines = [
      "v=0", `o=- 7 ${this.version} IN IP4 ${HOST}`, "s=-", `c=IN IP4 ${HOST}`, "t=0 0",
      `m=audio ${this.port} RTP/AVP ${formats.map(([number]) => number).join(" ")}`,
      ...formats.map(([number, name]) => `a=rtpmap:${number} ${name}`),
      `a=${direction}`,
    ];
    return { body: lines.join("\r\n") + "\r\n", contentType: "application/sdp" };
  }

  hasDescription(contentType) {
    return contentType === "application/sdp";
  }

  async setDescription(sdp, options) {
    this.port = options?.port ?? this.port;
    const described = read(sdp);
    if (this.offered) {
      this.offered = false;
    } else {
      const voice = VOICES.find(([number]) => described.numbers.includes(number));
      if (!voice) throw new Error("no codec in common");
      const keys = described.named.find(([, name]) => name === EVENTS);
      this.remote = { formats: keys ? [voice, keys] : [voice], direction: described.direction };
    }
    tell("media", { call: this.call, host: described.host, port: described.port, direction: described.direction });
  }

  async rollbackDescription() {
    this.remote = null;
    this.offered = false;
  }

  sendDtmf() {
    return false; // keys go by INFO
  }

  close() {}
}

function read(sdp) {
  const stream = /^m=audio (\d+) RTP\/AVP (.+?)\s*$/m.exec(sdp);
  if (!stream) throw new Error("no plain audio");
  return {
    host: /^c=IN IP4 (\S+)/m.exec(sdp)[1],
    port: Number(stream[1]),
    numbers: stream[2].split(" "),
    named: [...sdp.matchAll(/^a=rtpmap:(\d+) (\S+)/gm)].map(([, number, name]) => [number, name]),
    direction: /^a=(sendrecv|sendonly|recvonly|inactive)\s*$/m.exec(sdp)?.[1] ?? "sendrecv",
  };
}

const calls = new Map(); // by the names that the commands use

function keep(name, session) {
  calls.set(name, session);
  session.data = name;
  session.stateChange.addListener((state) => tell(state.toLowerCase(), { call: name }));
  session.delegate = { onCancel: () => tell("cancelled", { call: name }) };
}

const agent = new UserAgent({
  uri: UserAgent.makeURI(`sip:${wishes.user}@${wishes.domain}`),
  transportOptions: { server: wishes.server, traceSip: true },
  authorizationUsername: wishes.user,
  authorizationPassword: wishes.password,
  sipExtension100rel: SIPExtension[wishes.reliable],
  sipExtensionReplaces: SIPExtension.Supported,
  sessionDescriptionHandlerFactory: (session) => new Descriptions(session.data),
  logBuiltinEnabled: false,
  logConnector: (level, category, label, content) => process.stdout.write(`${level} ${category}: ${content}\n`),
  delegate: {
    onConnect: () => tell("connected"),
    onDisconnect: () => tell("disconnected"),
    onInvite: (invitation) => {
      const name = `incoming ${calls.size + 1}`;
      keep(name, invitation);
      tell("called", { call: name, caller: invitation.remoteIdentity.uri.toString() });
    },
  },
});
const registerer = new Registerer(agent, { expires: 600 });

// What becomes of a request of ours: its final status.
function outcome(send) {
  return new Promise((resolve, reject) => {
    const told = (response) => resolve({ status: response.message.statusCode, message: response.message });
    send({ onAccept: told, onReject: told }).catch(reject);
  });
}

async function registered(send) {
  const { status, message } = await outcome((requestDelegate) => send({ requestDelegate }));
  tell("registered", { status, contacts: message.getHeaders("contact") });
}

// Early and answered alike, whoever called.
async function hangUp(session) {
  if (session.state === SessionState.Established) await session.bye();
  else if (session instanceof Inviter) await session.cancel();
  else await session.reject();
}

async function changed(session, hold) {
  const { status } = await outcome((requestDelegate) =>
    session.invite({ requestDelegate, sessionDescriptionHandlerOptions: { hold } }));
  if (status !== 200) throw new Error(`the change was refused: ${status}`);
}

const commands = {
  register: () => registered((options) => registerer.register(options)),
  unregister: () => registered((options) => registerer.unregister(options)),

  async call({ call, uri, port, early = false, fields = [] }) {
    const session = new Inviter(agent, UserAgent.makeURI(uri), {
      earlyMedia: early, extraHeaders: fields, sessionDescriptionHandlerOptions: { port },
    });
    keep(call, session);
    await session.invite({
      requestDelegate: {
        onProgress: (response) => tell("progress", { call, status: response.message.statusCode }),
        onReject: (response) => tell("refused", { call, status: response.message.statusCode }),
      },
    });
  },

  accept: ({ call, port }) => calls.get(call).accept({ sessionDescriptionHandlerOptions: { port } }),
  reject: ({ call, status }) => calls.get(call).reject({ statusCode: status }),
  hang_up: ({ call }) => hangUp(calls.get(call)),
  hold: ({ call }) => changed(calls.get(call), true),
  resume: ({ call }) => changed(calls.get(call), false),

  async press({ call, key }) {
    const body = {
      contentDisposition: "render", contentType: "application/dtmf-relay", content: `Signal=${key}\r\nDuration=160\r\n`,
    };
    const { status } = await outcome((requestDelegate) => calls.get(call).info({ requestDelegate, requestOptions: { body } }));
    if (status !== 200) throw new Error(`INFO was refused: ${status}`);
  },

  // `to` is a URI, or the name of another call: then with Replaces.
  async refer({ call, to }) {
    const { status } = await outcome((requestDelegate) =>
      calls.get(call).refer(calls.get(to) ?? UserAgent.makeURI(to), {
        requestDelegate,
        onNotify: (notification) => {
          notification.accept();
          tell("notified", { call, text: notification.request.body.trim() });
        },
      }));
    tell("referred", { call, status });
  },

  // What an INVITE that replaces this dialog has to say (RFC 3891), as the far end sees it.
  identify({ call }) {
    const { callId, localTag, remoteTag } = calls.get(call).dialog;
    tell("identity", { call, replaces: `${callId};to-tag=${remoteTag};from-tag=${localTag}` });
  },

  drop: () => agent.transport.ws.terminate(), // as a network does it: without a word
  reconnect: () => agent.reconnect(),
  keep_alive: () => agent.transport.send("\r\n\r\n"),
};

await agent.start();
tell("ready");
for await (const line of createInterface({ input: process.stdin })) {
  const { do: what, ...how } = JSON.parse(line);
  try {
    await commands[what](how);
    tell(`done ${what}`);
  } catch (error) {
    tell(`done ${what}`, { error: String(error) });
  }
}
process.exit(0);
