// A stranger's client for the aggregation API, written from the vendor's page with Node alone, no packages.
//
// Usage: node aggregation.mjs READY-FILE ENVIRONMENT json|xml|expiry. Walks through a whole journey, in JSON or in XML, or
// waits for its token to expire and goes on with a new one. Says what went wrong and exits 1, or says "ok".
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { connect } from 'node:tls';

const DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>';
const RENEW = [10022, 10023]; // numbers: a client that compares with === renews only then

const expect = (truth, message) => {
  if (!truth) {
    console.error(`aggregation.mjs: ${message}`);
    process.exit(1);
  }
};

const element = (text, name) => text.match(new RegExp(`<${name}>([^<]*)</${name}>`))?.[1];
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class Aggregation {
  constructor(ready, environment, kind) {
    const config = JSON.parse(readFileSync(ready, 'utf8'));
    const world = config.environments[environment];
    Object.assign(this, { url: new URL(world.base_url), own: world.aggregation, xml: kind === 'xml', kind: `application/${kind}` });
    this.ca = readFileSync(config.ca_file);
    this.agent = new Agent({ keepAlive: true, ca: this.ca });
    this.renewals = 0;
  }

  raw(method, path, body, more = {}) {
    const headers = { 'Finicity-App-Key': this.own.app_key, Accept: this.kind };
    if (this.token) headers['Finicity-App-Token'] = this.token;
    if (body !== undefined && body !== '') headers['Content-Type'] = this.kind;
    if (body !== undefined) headers['Content-Length'] = Buffer.byteLength(body);
    const options = { host: this.url.hostname, port: this.url.port, path: this.own.base_path + path, method, agent: this.agent, headers: { ...headers, ...more } };
    return new Promise((resolve, reject) => {
      const sent = request(options, (answer) => {
        const parts = [];
        answer.on('data', (part) => parts.push(part));
        answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, text: Buffer.concat(parts).toString('utf8') }));
        answer.on('error', reject);
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  // bare sends a POST that has no Content-Length at all, as some clients do, and returns the status line.
  bare(path) {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: this.url.hostname, port: Number(this.url.port), ca: this.ca, ALPNProtocols: ['http/1.1'] }, () => {
        socket.write([`POST ${this.own.base_path}${path} HTTP/1.1`, `Host: ${this.url.host}`, `Finicity-App-Key: ${this.own.app_key}`,
          `Finicity-App-Token: ${this.token}`, `Accept: ${this.kind}`, 'Connection: close', '', ''].join('\r\n'));
      });
      let text = '';
      socket.on('data', (part) => { text += part; });
      socket.on('end', () => resolve(text));
      socket.on('error', reject);
    });
  }

  async authenticate() {
    const { partner_id: id, partner_secret: secret } = this.own;
    const body = this.xml
      ? `${DECLARATION}<credentials><partnerId>${id}</partnerId><partnerSecret>${secret.replaceAll('&', '&amp;')}</partnerSecret></credentials>`
      : JSON.stringify({ partnerId: id, partnerSecret: secret });
    const { status, headers, text } = await this.raw('POST', '/v2/partners/authentication', body);
    expect(status === 200 && headers['content-type'] === this.kind, `authenticate: ${status} ${headers['content-type']} ${text}`);
    this.token = this.xml ? element(text, 'token') : JSON.parse(text).token;
    const exact = this.xml ? `${DECLARATION}<access><token>${this.token}</token></access>` : JSON.stringify({ token: this.token });
    expect(text === exact, `not exactly one token: ${text}`);
  }

  refusal(text) {
    return this.xml ? Number(element(text, 'code')) : JSON.parse(text).code;
  }

  async call(...request) {
    if (!this.token) await this.authenticate();
    for (let attempt = 0; attempt < 5; attempt++) {
      const answer = await this.raw(...request);
      if (answer.status !== 401 || !RENEW.includes(this.refusal(answer.text))) return answer;
      this.renewals++;
      await this.authenticate();
    }
    return expect(false, 'five new tokens were refused');
  }

  ids(text, list) {
    return this.xml ? [...text.matchAll(/<id>([^<]*)<\/id>/g)].map((found) => found[1]) : JSON.parse(text)[list].map((row) => row.id);
  }
}

async function journey(api) {
  const name = `stranger-${process.pid}-${Date.now()}`;
  const body = api.xml
    ? `<customer><username>${name}</username><firstName>Zoë</firstName><lastName>Söhne &amp; Co</lastName></customer>`
    : JSON.stringify({ username: name, firstName: 'Zoë', lastName: 'Söhne & Co' });
  let { status, text } = await api.call('POST', '/v1/customers/active', body);
  expect(status === 201, `create: ${status} ${text}`);
  const id = api.xml ? element(text, 'id') : JSON.parse(text).id;
  ({ status, text } = await api.call('GET', `/v1/customers?search=${name}&type=active`));
  expect(status === 200 && api.ids(text, 'customers').join() === id, `list: ${status} ${text}`);
  await refresh(api, `/v1/customers/${id}/accounts`);
  ({ status, text } = await api.call('GET', `/${api.xml ? 'v2' : 'v3'}/customers/${id}/transactions?fromDate=0&toDate=4000000000&limit=7&sort=asc`));
  expect(status === 200 && api.ids(text, 'transactions').length === 7, `transactions: ${status} ${text}`);
  ({ status, text } = await api.call('DELETE', `/v1/customers/${id}`));
  expect(status === 204 && text === '', `delete: ${status} ${text}`);
  ({ status, text } = await api.call('GET', `/v1/customers/${id}`));
  expect(status === 404 && api.refusal(text) === 14001, `deleted customer: ${status} ${text}`);
}

async function refresh(api, path) {
  const plain = { 'Content-Type': 'application/json' };
  const shapes = [['', {}], ['{}', plain], ['null', plain], ['', { 'Content-Type': 'application/x-www-form-urlencoded' }]];
  for (const [body, headers] of shapes) {
    const { status, text } = await api.call('POST', path, body, headers);
    expect(status === 200 && api.ids(text, 'accounts').length === 2, `refresh with ${JSON.stringify([body, headers])}: ${status} ${text}`);
  }
  const answer = await api.bare(path);
  expect(answer.startsWith('HTTP/1.1 200 '), `refresh without a length: ${answer}`);
}

async function renewal(api) {
  const before = api.renewals;
  api.token = 'no-token-of-anybody';
  const { status, text } = await api.call('GET', '/v1/customers');
  expect(status === 200 && api.renewals === before + 1, `renew after 10022: ${status} ${text}`);
}

// expiry waits until the token has expired, which is told from an invalid one, and goes on with a new one.
async function expiry(api) {
  await api.authenticate();
  const deadline = Date.now() + 30_000;
  let answer = await api.raw('GET', '/v1/customers');
  while (answer.status === 200 && Date.now() < deadline) {
    await pause(50);
    answer = await api.raw('GET', '/v1/customers');
  }
  expect(answer.status === 401 && api.refusal(answer.text) === 10023, `an expired token: ${answer.status} ${answer.text}`);
  const { status, text } = await api.call('GET', '/v1/customers');
  expect(status === 200 && api.renewals > 0, `renew after 10023: ${status} ${text}`);
}

const [ready, environment, mode] = process.argv.slice(2);
const api = new Aggregation(ready, environment, mode === 'xml' ? 'xml' : 'json');
if (mode === 'expiry') {
  await expiry(api);
} else {
  await journey(api);
  await renewal(api);
}
api.agent.destroy();
console.log('ok');
