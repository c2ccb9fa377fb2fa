// What the verifier of Pomerium's JavaScript SDK does with an identity assertion: it trusts the first issuer and
// audience it sees, fetches the issuer's JWK Set over https and lets jose do the rest.
// usage: node verifier.mjs PORT CA.pem < ASSERTION; every https host is looked for at 127.0.0.1:PORT.
import fs from 'node:fs';
import https from 'node:https';

import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose';

const [port, authority] = process.argv.slice(2);
const assertion = fs.readFileSync(0, 'utf8').trim();

const withHttps = (url) => (/^https?:\/\//i.test(url) ? url : `https://${url}`);

const fetchJson = (url) =>
  new Promise((resolve, reject) => {
    const [, host, target] = /^https:\/\/([^/]+)(\/.*)$/.exec(url);
    const options = { host: '127.0.0.1', port, servername: host, path: target, headers: { host }, ca: fs.readFileSync(authority) };
    https
      .get(options, (response) => {
        let text = '';
        response.on('data', (piece) => (text += piece));
        response.on('end', () =>
          response.statusCode === 200 ? resolve(JSON.parse(text)) : reject(new Error(`${url}: ${response.statusCode}`)),
        );
      })
      .on('error', reject);
  });

const { iss: issuer, aud: audience } = decodeJwt(assertion);
const url = `${withHttps(issuer)}/.well-known/pomerium/jwks.json`;
const keys = createLocalJWKSet(await fetchJson(url));
const { payload, protectedHeader } = await jwtVerify(assertion, keys, { issuer, audience });
console.log(JSON.stringify({ url, payload, protectedHeader }));
