extension APIPage {
    /// The one thing that the page is let use, by its hash; a test holds the two together.
    static let contentSecurityPolicy =
        "default-src 'none'; style-src 'sha256-v3EYX9xrzvqv9VQ+3p6NtpP+hPycbT3LIzKCH/LTeU4='; base-uri 'none'; "
        + "form-action 'none'; frame-ancestors 'none'"

    static let style: StaticString = """
        :root{color-scheme:light dark;--ink:#1c2126;--paper:#fff;--dim:#56616c;--line:#d5dbe1;--well:#f3f5f7;--link:#0b57a4}
        @media (prefers-color-scheme:dark){:root{--ink:#e4e8ec;--paper:#14181c;--dim:#9aa6b2;--line:#343c44;--well:#1d2329;--link:#7db8f5}}
        *{box-sizing:border-box}
        html{scroll-behavior:smooth;-webkit-text-size-adjust:100%}
        @media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
        body{margin:0 auto;max-width:60rem;padding:1rem;font:1rem/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
        a{color:var(--link)}
        a:focus-visible,[tabindex]:focus-visible{outline:3px solid var(--link);outline-offset:2px}
        .skip{position:absolute;left:-100rem}
        .skip:focus{left:1rem;top:.5rem;padding:.5rem;background:var(--paper)}
        h1{margin:.5rem 0 0;font-size:2rem}
        h2{margin:3rem 0 .5rem;border-bottom:2px solid var(--line)}
        h3{margin:2.5rem 0 .25rem;font-size:1.1rem;overflow-wrap:anywhere}
        h4{margin:1rem 0 .25rem;font-size:.85rem;text-transform:uppercase;letter-spacing:.05em;color:var(--dim)}
        p{margin:.25rem 0 .75rem}
        nav ul{list-style:none;margin:.25rem 0 1rem;padding:0}
        nav li{padding:.15rem 0;overflow-wrap:anywhere}
        code,pre{font:.85rem/1.45 ui-monospace,monospace}
        code{overflow-wrap:anywhere}
        h3 code{font-size:1rem}
        pre{margin:.25rem 0 .75rem;padding:.75rem;background:var(--well);border:1px solid var(--line);border-radius:.4rem;overflow-x:auto}
        .dim{color:var(--dim)}
        .method{font-weight:700}
        .scroll{overflow-x:auto}
        table{border-collapse:collapse;width:100%;font-size:.9rem}
        th,td{padding:.35rem .6rem .35rem 0;border-top:1px solid var(--line);text-align:left;vertical-align:top}
        th{white-space:nowrap;font-weight:600}
        @media (max-width:40rem){th,td{display:block;border-top:0;padding:.1rem 0}tr{display:block;border-top:1px solid var(--line);padding:.4rem 0}}
        @media print{nav,.skip{display:none}}
        """
}
