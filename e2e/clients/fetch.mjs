// The shortest client that Node allows: its own fetch, and node:crypto.
//
// Usage: NODE_EXTRA_CA_CERTS=ca.pem node fetch.mjs READY-FILE ENVIRONMENT. Says "ok", or what went wrong.
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';

const world = JSON.parse(readFileSync(process.argv[2], 'utf8')).environments[process.argv[3]];
const target = `${world.card.base_path}/get-cards?at=${process.hrtime.bigint()}`; // two equal writes in one second would be one
const body = JSON.stringify({ person_id: '10011000000000000001' });
const timestamp = String(Math.floor(Date.now() / 1000));
const signature = createHmac('sha256', world.card.api_secret).update(`${timestamp}POST${target}${body}`).digest('hex');
const answer = await fetch(world.base_url + target, {
  method: 'POST',
  body,
  headers: { 'Content-Type': 'application/json', 'X-Auth-Token': world.card.api_token, 'X-Auth-Timestamp': timestamp, 'X-Auth-Signature': signature },
});
const text = await answer.text();
console.log(answer.status === 200 && JSON.parse(text).status === 'success' ? 'ok' : `${answer.status} ${text}`);
