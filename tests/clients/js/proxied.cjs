// Calls through the server-side proxy whose URL is the first argument, as a browser would, and
// prints what came back.
"use strict";

const { createFalClient } = require("@fal-ai/client");
const fal = createFalClient({ proxyUrl: { url: process.argv[2], when: "always" } });
const endpoint = "fal-ai/flux/dev";
const input = { prompt: "a cat" };

async function refused(target) {
  try {
    await fal.run(target, { input });
  } catch (error) {
    return error.status;
  }
}

async function main() {
  const run = await fal.run(endpoint, { input });
  const polled = await fal.subscribe(endpoint, { input, pollInterval: 40 });
  const streamed = await fal.subscribe(endpoint, { input, mode: "streaming" });
  const url = await fal.storage.upload(new Blob(["image"], { type: "image/png" }));
  const { request_id: requestId } = await fal.queue.submit(endpoint, { input, priority: "low" });
  await fal.queue.subscribeToStatus(endpoint, { requestId, pollInterval: 40 });
  const result = await fal.queue.result(endpoint, { requestId });
  const prompts = [run, polled, streamed, result].map(({ data }) => data.prompt);
  console.log(JSON.stringify({ prompts, url, refused: await refused("fal-ai/sana") }));
}

main();
