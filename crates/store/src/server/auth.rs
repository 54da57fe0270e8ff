//! The Auth service: users and roles are not in use, and every call says so.

use stanchion_etcd_api::etcdserverpb as pb;
use stanchion_store_core::StoreError;
use tonic::{Request, Response, Status};

use super::Service;
use super::meter::Method;

const SERVICE: &str = "etcdserverpb.Auth";

type Answer = Result<Response<pb::AuthResponse>, Status>;

impl Service {
    async fn refuse_auth(&self, method: &'static str, error: StoreError) -> Answer {
        Method(SERVICE, method).unary(self, async { Err(error) }).await
    }
}

/// Refuses the named calls.
macro_rules! refused {
    ($($function:ident $method:literal)*) => {
        #[tonic::async_trait]
        impl pb::auth_server::Auth for Service {
            async fn auth_status(
                &self,
                _request: Request<pb::AuthStatusRequest>,
            ) -> Result<Response<pb::AuthStatusResponse>, Status> {
                let call = async {
                    let header = Some(self.header(self.store.revision()));
                    Ok(pb::AuthStatusResponse { header, enabled: false, auth_revision: 1 })
                };
                Method(SERVICE, "AuthStatus").unary(self, call).await
            }

            async fn authenticate(&self, _request: Request<pb::AuthRequest>) -> Answer {
                self.refuse_auth("Authenticate", StoreError::AuthNotEnabled).await
            }

            $(async fn $function(&self, _request: Request<pb::AuthRequest>) -> Answer {
                self.refuse_auth($method, StoreError::AuthUnsupported).await
            })*
        }
    };
}

refused! {
    auth_enable "AuthEnable"
    auth_disable "AuthDisable"
    user_add "UserAdd"
    user_get "UserGet"
    user_list "UserList"
    user_delete "UserDelete"
    user_change_password "UserChangePassword"
    user_grant_role "UserGrantRole"
    user_revoke_role "UserRevokeRole"
    role_add "RoleAdd"
    role_get "RoleGet"
    role_list "RoleList"
    role_delete "RoleDelete"
    role_grant_permission "RoleGrantPermission"
    role_revoke_permission "RoleRevokePermission"
}
