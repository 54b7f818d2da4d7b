// Posts a body of zeros: node uploads.js http|fetch URL CONTENT_TYPE BYTES, and prints status and answer.
"use strict";
const http = require("node:http");

const [client, url, type, size] = process.argv.slice(2);
const body = Buffer.alloc(Number(size), " ");
const headers = { "Content-Type": type };

function print(status, text) {
  process.stdout.write(`${status}\n${text}`);
}

function fail(error) {
  process.stderr.write(`${error.stack}\n${error.cause}\n`);
  process.exitCode = 1;
}

function postWithHttp() {
  const request = http.request(url, { method: "POST", headers }, (answer) => {
    let text = "";
    answer.on("data", (chunk) => (text += chunk));
    answer.on("end", () => print(answer.statusCode, text));
  });
  request.on("error", fail);
  request.end(body);
}

async function postWithFetch() {
  const answer = await fetch(url, { method: "POST", headers, body });
  print(answer.status, await answer.text());
}

if (client === "http") postWithHttp();
else postWithFetch().catch(fail);
