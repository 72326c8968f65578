// A stranger's client for the card API, written from the vendor's guide with Node alone, no packages.
//
// Usage: node card.mjs READY-FILE ENVIRONMENT. Walks through a whole journey; says what went wrong and exits 1, or says "ok".
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';

const PERSON = '10011000000000000001';
const CARD = '10031000000000000002'; // the second one, so that this journey and another do not meet

const expect = (truth, message) => {
  if (!truth) {
    console.error(`card.mjs: ${message}`);
    process.exit(1);
  }
};

class CardAPI {
  constructor(ready, environment) {
    const config = JSON.parse(readFileSync(ready, 'utf8'));
    const world = config.environments[environment];
    Object.assign(this, { url: new URL(world.base_url), card: world.card });
    this.agent = new Agent({ keepAlive: true, minVersion: 'TLSv1.2', ca: readFileSync(config.ca_file) });
  }

  // call signs timestamp, method, path as on the wire and body; HMAC-SHA256, hex digest.
  call(method, path, body = Buffer.alloc(0), override = {}) {
    const target = this.card.base_path + path;
    const timestamp = String(Math.floor(Date.now() / 1000));
    const signature = createHmac('sha256', this.card.api_secret).update(timestamp + method + target).update(body).digest('hex');
    const headers = { 'X-Auth-Token': this.card.api_token, 'X-Auth-Timestamp': timestamp, 'X-Auth-Signature': signature };
    if (body.length > 0) {
      Object.assign(headers, { 'Content-Type': 'application/json', 'Content-Length': body.length });
    }
    const options = { host: this.url.hostname, port: this.url.port, path: target, method, agent: this.agent, headers: { ...headers, ...override } };
    return new Promise((resolve, reject) => {
      const sent = request(options, (answer) => {
        const parts = [];
        answer.on('data', (part) => parts.push(part));
        answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, text: Buffer.concat(parts).toString('utf8') }));
        answer.on('error', reject);
      });
      sent.on('error', reject);
      sent.end(body.length > 0 ? body : undefined);
    });
  }

  async send(method, path, value) {
    const body = value === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(value), 'utf8');
    const { status, headers, text } = await this.call(method, path, body);
    expect(headers['countersign-request-id'], `no request id on ${method} ${path}`);
    return { status, got: JSON.parse(text), text };
  }
}

async function journey(api) {
  // Two equal writes in one second would be one: each says when it was made.
  let { status, got, text } = await api.send('POST', `/get-cards?at=${process.hrtime.bigint()}`, { person_id: PERSON });
  expect(status === 200 && got.status === 'success' && got.errors.length === 0 && got.items.length === got.total, `get-cards: ${status} ${text}`);
  expect(got.items.some((item) => item.token_id === CARD && Number.isInteger(item.product_id)), `items: ${text}`);
  for (const stage of ['plastic_not_delivered', 'digital']) {
    ({ status, text } = await api.send('PATCH', `/update-card-stage/${CARD}?at=${process.hrtime.bigint()}`, { token_stage: stage }));
    expect(status === 200, `stage: ${status} ${text}`);
  }
  for (const wanted of ['stolen', 'active']) {
    const change = { token_status: wanted, comment: 'Zoë, 東京, ½ €, 🂡', at: String(process.hrtime.bigint()) };
    ({ status, got, text } = await api.send('PATCH', `/update-card-status/${CARD}`, change));
    expect(status === 200 && got.token_id === CARD, `status: ${status} ${text}`);
    ({ status, text } = await api.send('GET', `/cards/${CARD}`));
    expect(status === 200 && text.includes(wanted), `card after ${wanted}: ${status} ${text}`);
  }
}

async function oddQueries(api) {
  const queries = ['?', '?a=b;c=d', '?a=%2f%5C%2e', '?b=1&a=2&&', '?q=a+b%20c', "?~!$'()*,:@/?-._=", `?${new URLSearchParams({ ü: '€ & =' })}`];
  for (const query of queries) {
    const { status, text } = await api.send('GET', `/cards/${CARD}${query}`);
    expect(status === 200, `query ${query}: ${status} ${text}`);
  }
}

async function refusals(api) {
  let answer = await api.call('GET', `/cards/${CARD}`, undefined, { 'X-Auth-Signature': '0'.repeat(64) });
  expect(answer.status === 401 && JSON.parse(answer.text).errors[0] === 'unauthorized', `forged: ${answer.status} ${answer.text}`);
  answer = await api.call('GET', `/cards/${CARD}`, undefined, { 'X-Auth-Timestamp': String(Math.floor(Date.now() / 1000) + 3600) });
  expect(answer.status === 401 && Number.isInteger(JSON.parse(answer.text).server_time), `ahead: ${answer.status} ${answer.text}`);
  const { status, got, text } = await api.send('GET', '/cards/10039999999999999999');
  expect(status === 404 && got.status === 'error' && got.errors[0] === 'card_not_found', `unknown card: ${status} ${text}`);
}

const api = new CardAPI(process.argv[2], process.argv[3]);
await journey(api);
await oddQueries(api);
await refusals(api);
api.agent.destroy();
console.log('ok');
