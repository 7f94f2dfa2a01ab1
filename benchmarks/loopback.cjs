// Loaded before a peer that runs on Node.js (`node --require`): wherever it wants to listen, it listens on
// loopback only. Neither kinesalite nor kinesis-local has an option for that.
"use strict";
const net = require("net");

const { listen } = net.Server.prototype;

net.Server.prototype.listen = function (...given) {
  const port = Number(typeof given[0] === "object" ? given[0].port : given[0]);
  const ready = given.find((argument) => typeof argument === "function");
  return listen.call(this, { port, host: "127.0.0.1" }, ready);
};
