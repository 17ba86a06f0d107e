// A real OpenID provider (oidc-provider, certified by the OpenID Foundation) on a free port of this machine, with its own
// pages to sign in, for tests. Prints its issuer once it listens. Arguments: where browsers come back to, and after signing out.
import { createServer } from "node:http";

const { default: Provider } = await import(new URL("../../../webui/assets/node_modules/oidc-provider/lib/index.js", import.meta.url));
const [redirect, after] = process.argv.slice(2);
const groups = { budi: ["pegawai", "humas"], siti: ["pegawai"], tamu: [], ketua: ["pimpinan"], mfa: ["pegawai"] };

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: "terbit", client_secret: "rahasia-klien", redirect_uris: [redirect], post_logout_redirect_uris: [after],
      response_types: ["code"], grant_types: ["authorization_code"] }],
    claims: { openid: ["sub"], profile: ["name", "preferred_username"], email: ["email", "email_verified"], groups: ["groups"] },
    scopes: ["openid", "profile", "email", "groups"],
    pkce: { required: () => true },
    cookies: { keys: ["only for tests"] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, name: `${id[0].toUpperCase()}${id.slice(1)} Penyedia`,
      preferred_username: id, email: `${id}@kpu.example`, email_verified: id !== "siti", groups: groups[id] ?? [] }) }),
  });
  server.on("request", provider.callback());
  console.log(issuer);
});
