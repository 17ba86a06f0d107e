"""The sign-ins of three platforms, as far as their pages describe them: Mastodon (https://docs.joinmastodon.org/methods/apps/, …/oauth/),
X (https://docs.x.com/fundamentals/authentication/oauth-2-0/authorization-code) and Facebook
(https://developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived, …/graph-api/reference/user/accounts)."""

import base64

from fake_server import Platform, serve

PAGES = [{"id": str(n), "name": f"Halaman {n}", "access_token": f"token-halaman-{n}"} for n in range(130)]
X_CLIENT = base64.b64encode(b"aplikasi-x:rahasia-x").decode()


class Grants(Platform):
    def __init__(self):
        self.number, self.refresh = 0, {"segar-x-0"}

    def posts(self):
        return {}

    def answer(self, call):
        bearer, given = call.headers.get("Authorization", ""), call.fields
        match call.path:
            case "/api/v1/apps":
                return 200, {"client_id": "aplikasi-m", "client_secret": "rahasia-m", "redirect_uris": [given["redirect_uris"]],
                             "scopes": given["scopes"].split()}
            case "/api/v1/accounts/verify_credentials":
                return (200, {"id": "1", "username": "kpu_seribu"}) if bearer == "Bearer akses-m" else (401, {"error": "invalid"})
            case "/2/oauth2/token" if bearer == f"Basic {X_CLIENT}" and given.get("refresh_token") in self.refresh:
                self.refresh.discard(given["refresh_token"])
                self.number += 1
                self.refresh.add(f"segar-x-{self.number}")
                return 200, {"token_type": "bearer", "expires_in": 7200, "access_token": f"akses-x-{self.number}", "scope": "tweet.read",
                             "refresh_token": f"segar-x-{self.number}"}
            case "/2/oauth2/token":
                return 400, {"error": "invalid_request", "error_description": "Value passed for the token was invalid."}
            case "/2/users/me" if bearer == f"Bearer akses-x-{self.number}":
                return 200, {"data": {"id": "7", "name": "KPU", "username": "kpuseribu"}}
            case "/oauth/access_token" if (given.get("client_id"), given.get("client_secret")) == ("aplikasi-f", "rahasia-f"):
                if (given["grant_type"], given["fb_exchange_token"]) == ("fb_exchange_token", "akses-f"):
                    return 200, {"access_token": "akses-f-panjang", "token_type": "bearer", "expires_in": 5183944}
            case "/me/accounts" if bearer == "Bearer akses-f-panjang":
                at = int(call.query.get("after", 0))
                more = {"cursors": {"after": str(at + 100)}, **({"next": "https://graph.facebook.com/…"} if at + 100 < len(PAGES) else {})}
                return 200, {"data": PAGES[at: at + 100], "paging": more}
            case "/me" if bearer == "Bearer token-halaman-129":
                return 200, {"id": "129", "name": "Halaman 129"}
        return 401, {"error": {"message": "Invalid OAuth access token.", "type": "OAuthException", "code": 190}}


if __name__ == "__main__":
    serve(Grants)
