// oidc-provider, as an operator might run it, on this machine only.  usage: node provider.mjs CONFIG.json
// Any user of the configuration signs in with any password. Every line of its output is one event, as JSON; they hold
// the tokens, so that a test can ask afterwards what has become of them.
import { generateKeyPairSync } from 'node:crypto';
import fs from 'node:fs';

import { Provider } from 'oidc-provider';

const config = JSON.parse(fs.readFileSync(process.argv[2]));
const tell = (event, facts = {}) => process.stdout.write(`${JSON.stringify({ event, ...facts })}\n`);

const privateKey = (kind, options, kid) => ({
  ...generateKeyPairSync(kind, options).privateKey.export({ format: 'jwk' }),
  use: 'sig',
  kid,
});
const keys = [privateKey('rsa', { modulusLength: 2048 }, 'rsa'), privateKey('ec', { namedCurve: 'P-256' }, 'p256')];

const provider = new Provider(config.issuer, {
  clients: [
    {
      ...config.client,
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      id_token_signed_response_alg: config.id_token_signed_response_alg,
    },
  ],
  jwks: { keys },
  enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256'] },
  findAccount: (ctx, sub) =>
    config.users[sub] && { accountId: sub, claims: async () => ({ sub, ...config.users[sub] }) },
  claims: { openid: ['sub'], profile: ['name', 'groups'], email: ['email', 'email_verified'] },
  cookies: { keys: ['for-tests-only'] },
  issueRefreshToken: async (ctx, client) => client.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: true,
  features: {
    devInteractions: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    revocation: { enabled: true },
    introspection: { enabled: true },
  },
  ttl: {
    AccessToken: config.access_token_seconds,
    IdToken: config.access_token_seconds,
    RefreshToken: 600,
    Grant: 600,
    Interaction: 600,
    Session: 600,
  },
});

provider.on('grant.success', (ctx) => {
  const { access_token, refresh_token, id_token } = ctx.body;
  tell('issued', { grant_type: ctx.oidc.params.grant_type, access_token, refresh_token, id_token });
});
for (const name of ['authorization.error', 'grant.error', 'end_session.error', 'revocation.error', 'server_error']) {
  provider.on(name, (ctx, error) => tell(name, { error: error.message, description: error.error_description }));
}
provider.on('end_session.success', () => tell('logged_out'));
provider.use(async (ctx, next) => {
  await next();
  tell('answered', {
    method: ctx.method,
    path: ctx.path,
    status: ctx.status,
    parameters: ctx.oidc?.params && { ...ctx.oidc.params },
  });
});

const server = provider.listen(config.port, '127.0.0.1', () => tell('ready'));
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    server.close();
    process.exit(0);
  });
}
