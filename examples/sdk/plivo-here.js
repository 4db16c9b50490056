"use strict";
/*
 * Points Plivo's SDK for Node.js, unmodified, at an Offhook node.
 *
 *     const plivo = require("plivo");
 *     require("./plivo-here").use("http://127.0.0.1:8080");
 *     const client = new plivo.Client("MA…", "…");
 *
 * A program that shall stay as it is:
 *
 *     OFFHOOK_URL=http://127.0.0.1:8080 node --require ./plivo-here.js your_program.js
 *
 * The SDK's option `url` moves a part of its requests only: those about calls have their host built in, and are sent by
 * instances of axios that the SDK makes one by one. So the address is changed where all of them pass: in axios, in the copy that
 * the SDK itself loads. Requests to other hosts are not touched.
 */

const path = require("path");
const { createRequire } = require("module");

const HOSTS = new Set(["api.plivo.com", "stats.plivo.com"]);
const MARK = Symbol.for("offhook.plivo-here");

/** Send every request of every client in this process to a node, such as "https://voice.example.com". */
function use(node = process.env.OFFHOOK_URL) {
  let base;
  try {
    base = new URL(node);
  } catch {
    base = null;
  }
  if (base === null || !/^https?:$/.test(base.protocol) || base.pathname !== "/") {
    throw new Error(`${node} is no address of a node; it looks like http://127.0.0.1:8080 (argument of use, or OFFHOOK_URL)`);
  }
  const axios = axiosOfTheSdk();
  if (axios[MARK]) {
    axios[MARK].base = base;
    return;
  }
  const state = { base };
  Object.defineProperty(axios, MARK, { value: state });
  const redirected = (config) => {
    const url = new URL(axios.getUri({ url: config.url, baseURL: config.baseURL }));
    if (HOSTS.has(url.hostname)) {
      url.protocol = state.base.protocol;
      url.host = state.base.host;
      // Without a port in its host, a URL keeps the one that it had.
      if (state.base.port === "") url.port = "";
      config.url = url.href;
      delete config.baseURL;
    }
    return config;
  };
  const create = axios.create;
  axios.create = (...wishes) => {
    const made = create.apply(axios, wishes);
    made.interceptors.request.use(redirected);
    return made;
  };
  axios.interceptors.request.use(redirected);
}

/** The axios that the program's SDK loads: there may be others. */
function axiosOfTheSdk() {
  const from = [require.main && path.dirname(require.main.filename), process.argv[1] && path.dirname(path.resolve(process.argv[1]))];
  const folders = [...from, process.cwd(), __dirname].filter(Boolean);
  let sdk;
  try {
    sdk = require.resolve("plivo", { paths: folders });
  } catch {
    throw new Error(`there is no package plivo in ${folders.join(" or ")}: npm install plivo`);
  }
  return createRequire(sdk)("axios");
}

module.exports = { use };

const preloaded = module.parent === null || module.parent === undefined || module.parent.id === "internal/preload";
if (preloaded && process.env.OFFHOOK_URL) use();
