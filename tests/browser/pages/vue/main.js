import { createApp } from 'vue'
import { createAuth } from '../auth.js'
import App from './App.vue'
import { authPlugin } from './auth.js'

createApp(App).use(authPlugin(createAuth(document.querySelector('meta[name=portcullis]').content))).mount('#app')
