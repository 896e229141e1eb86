// All tests of the pages over one server and one browser. ONLY picks a group.

import { after, before } from "node:test";
import { formTests } from "./forms.mjs";
import { Server, launch } from "./harness.mjs";
import { lifeTests } from "./life.mjs";
import { pageTests } from "./pages.mjs";
import { seed } from "./seed.mjs";
import { storyTests } from "./story.mjs";

const env = { server: new Server(), browser: undefined };
const only = process.env.ONLY;

before(async () => {
  [env.browser] = await Promise.all([launch(), env.server.start().then(seed)]);
});
after(async () => {
  await env.browser?.close();
  await env.server.end();
});

if (!only || only === "pages") pageTests(env);
if (!only || only === "story") storyTests(env);
if (!only || only === "life") lifeTests(env);
if (!only || only === "forms") formTests(env);
