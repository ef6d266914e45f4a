/** The page of the API reference: Swagger UI, which asks for a credential if the document needs one. URLs are relative to the page. */

export const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Jobs API reference</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/ui.css">
<script defer src="docs/ui.js"></script>
<script defer src="docs/page.js"></script>
</head>
<body>
<form id="sign-in" class="swagger-ui" style="padding: 2rem" hidden>
<h1 class="title">Jobs API reference</h1>
<p><label>Bearer token or API key <input id="token" type="password" autocomplete="off" required></label> <button class="btn">Show</button></p>
<p id="problem" role="alert"></p>
</form>
<main id="reference"></main>
</body>
</html>
`

export const script = `const form = document.getElementById('sign-in')
const problem = document.getElementById('problem')
let token = ''

async function show() {
  const authorization = token && 'Bearer ' + token
  const response = await fetch('openapi.json', { headers: authorization ? { authorization } : {} })
  if (!response.ok) {
    form.hidden = response.status !== 401
    problem.textContent = response.status === 401 && !token ? '' : (await response.json()).detail
    return
  }
  form.hidden = true
  SwaggerUIBundle({
    spec: await response.json(),
    domNode: document.getElementById('reference'),
    deepLinking: true,
    // No external validator.
    validatorUrl: null,
    requestInterceptor(request) {
      if (authorization && !request.headers.Authorization) request.headers.Authorization = authorization
      return request
    },
  })
}

form.addEventListener('submit', (event) => {
  event.preventDefault()
  token = document.getElementById('token').value.trim()
  show()
})
show()
`
