// oidc-provider, as an operator might run it, on this machine only.  usage: node provider.mjs CONFIG.json
// The configuration says which release: oidc-provider is the newest, oidc-provider-6 the last with front-channel logout.
// Any user of the configuration signs in with any password. Every line of its output is one event, as JSON; they hold
// the tokens, so that a test can ask afterwards what has become of them.
import { generateKeyPairSync } from 'node:crypto';
import dns from 'node:dns';
import fs from 'node:fs';

// RFC 6761: browsers know that *.localhost is this machine, the system's resolver does not.
const lookup = dns.lookup;
dns.lookup = (host, ...rest) => lookup(/(^|\.)localhost$/.test(host) ? '127.0.0.1' : host, ...rest);

const config = JSON.parse(fs.readFileSync(process.argv[2]));
const { Provider } = await import(config.package);
const hasFrontChannel = config.package === 'oidc-provider-6';
const tell = (event, facts = {}) => process.stdout.write(`${JSON.stringify({ event, ...facts })}\n`);

const privateKey = (kind, options, kid) => ({
  ...generateKeyPairSync(kind, options).privateKey.export({ format: 'jwk' }),
  use: 'sig',
  kid,
});
const keys = [
  privateKey('rsa', { modulusLength: 2048 }, 'rsa'),
  privateKey('ec', { namedCurve: 'P-256' }, 'p256'),
  privateKey('ed25519', {}, 'ed25519'),
];

const client = (settings) => {
  const known = {
    ...settings,
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    id_token_signed_response_alg: config.id_token_signed_response_alg,
  };
  if (!hasFrontChannel) {
    delete known.frontchannel_logout_uri;
    delete known.frontchannel_logout_session_required;
  }
  return known;
};

const loadExistingGrant = async ({ oidc }) => {
  const known = oidc.session.grantIdFor(oidc.client.clientId);
  if (known) return oidc.provider.Grant.find(known);
  const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
  grant.addOIDCScope('openid profile email offline_access');
  await grant.save();
  return grant;
};

const provider = new Provider(config.issuer, {
  clients: config.clients.map(client),
  jwks: { keys },
  enabledJWA: { idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'] },
  findAccount: (ctx, sub) =>
    config.users[sub] && { accountId: sub, claims: async () => ({ sub, ...config.users[sub] }) },
  claims: { openid: ['sub'], profile: ['name', 'groups'], email: ['email', 'email_verified'] },
  // The older one's default is SameSite=None, which browsers refuse without TLS.
  cookies: { keys: ['for-tests-only'], long: { sameSite: 'lax' } },
  // The older one always asks whether a client may know who the person is.
  ...(!hasFrontChannel && { loadExistingGrant }),
  issueRefreshToken: async (ctx, asking) => asking.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: true,
  // The newer one tells no relying party on loopback, unless what forbids it (the dispatcher) is left out.
  ...(!hasFrontChannel && { fetch: (url, { dispatcher, ...options }) => fetch(url, options) }),
  features: {
    devInteractions: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    backchannelLogout: { enabled: true, ...(hasFrontChannel && { ack: 'draft-06' }) },
    ...(hasFrontChannel && { frontchannelLogout: { enabled: true, ack: 'draft-04' } }),
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
provider.on('backchannel.success', (ctx, told) => tell('told', { client_id: told.clientId }));
provider.on('backchannel.error', (ctx, error, told) =>
  tell('untold', { client_id: told.clientId, error: error.message, cause: String(error.cause ?? '') }),
);
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
