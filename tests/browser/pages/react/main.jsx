import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { createAuth } from '../auth.js'
import { App } from './App.jsx'
import { AuthProvider } from './auth.jsx'

const auth = createAuth(document.querySelector('meta[name=portcullis]').content)

createRoot(document.getElementById('app')).render(
  <StrictMode>
    <AuthProvider auth={auth}><App /></AuthProvider>
  </StrictMode>,
)
