// Plays scenarios with fal's own JavaScript client: one JSON line in, one JSON line out.
//
// The client's hosts are fixed, so connections to the names in FAL_DIVERT ({name: port}) are led
// to this machine; NODE_EXTRA_CA_CERTS makes Node trust the certificate it finds there.
"use strict";

const readline = require("node:readline");
const tls = require("node:tls");

const ports = JSON.parse(process.env.FAL_DIVERT);
const connect = tls.connect;
tls.connect = (options, ...rest) => {
  const port = ports[options.host ?? options.hostname];
  return connect(port ? { ...options, host: "127.0.0.1", port } : options, ...rest);
};

const { createFalClient } = require("@fal-ai/client");
const fal = createFalClient({ credentials: "id:secret" });
const pollInterval = 40;

const distinct = (values) => [...new Set(values)];

const actions = {
  async run({ endpoint, arguments: input }) {
    return { data: (await fal.run(endpoint, { input })).data };
  },

  async subscribe({ endpoint, arguments: input, options = {} }) {
    const statuses = [];
    const logs = [];
    const { data } = await fal.subscribe(endpoint, {
      input,
      ...(options.polling ? { pollInterval } : { mode: "streaming" }),
      logs: options.logs,
      timeout: options.timeout && options.timeout * 1000,
      startTimeout: options.start_timeout,
      onQueueUpdate: (update) => {
        statuses.push(update.status);
        logs.push(...(update.logs ?? []).map((entry) => entry.message));
      },
    });
    return { data, statuses: distinct(statuses), logs: distinct(logs) };
  },

  async queue({ endpoint, arguments: input }) {
    const requestId = (await fal.queue.submit(endpoint, { input })).request_id;
    const first = (await fal.queue.status(endpoint, { requestId })).status;
    await fal.queue.subscribeToStatus(endpoint, { requestId, pollInterval });
    const last = (await fal.queue.status(endpoint, { requestId })).status;
    const { data } = await fal.queue.result(endpoint, { requestId });
    return { request_id: requestId, first, last, data };
  },

  async cancel({ endpoint, arguments: input }) {
    const requestId = (await fal.queue.submit(endpoint, { input })).request_id;
    await fal.queue.cancel(endpoint, { requestId });
    return { cancelled: true };
  },

  async upload({ options }) {
    const bytes = Buffer.alloc(options.size, "fal-typed!");
    return { url: await fal.storage.upload(new Blob([bytes], { type: options.content_type })) };
  },

  async stream({ endpoint, arguments: input }) {
    const stream = await fal.stream(endpoint, { input });
    let events = 0;
    stream.on("data", () => (events += 1));
    const data = await stream.done();
    return { events, data };
  },

  async realtime({ endpoint, inputs }) {
    const results = [];
    let arrived;
    let failed;
    const connection = fal.realtime.connect(endpoint, {
      connectionKey: `${endpoint} ${Math.random()}`,
      throttleInterval: 0,
      onResult: (result) => {
        results.push(result);
        arrived();
      },
      onError: (error) => failed(error),
    });
    for (const input of inputs) {
      const result = new Promise((resolve, reject) => ([arrived, failed] = [resolve, reject]));
      connection.send(input);
      await result;
    }
    connection.close();
    return { results };
  },

  async webhook({ endpoint, arguments: input, options }) {
    const submitted = await fal.queue.submit(endpoint, { input, webhookUrl: options.webhook_url });
    return { request_id: submitted.request_id };
  },
};

function described(error) {
  if (/timed out/i.test(error.message) && error.status === undefined) return { timeout: true };
  if (error.status === undefined) return { message: String(error.stack) };
  const detail = error.body?.detail;
  return {
    status: error.status,
    types: Array.isArray(detail) ? detail.map((problem) => problem.type) : [],
  };
}

async function play(line) {
  const scenario = JSON.parse(line);
  try {
    return await actions[scenario.do](scenario);
  } catch (error) {
    return { error: described(error) };
  }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await play(line)) + "\n");
  }
}

main();
